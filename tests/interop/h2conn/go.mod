module h2ws/interop/h2conn

go 1.26.0

require (
	github.com/posener/h2conn v0.0.0-20231204025407-3997deeca0f0
	golang.org/x/net v0.62.0
)

require golang.org/x/text v0.43.0 // indirect
