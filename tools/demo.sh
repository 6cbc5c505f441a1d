#!/bin/sh
# The main job, told in words. Argument: the tool.
set -eu
exec "${1:-build/release/bin/h2ws}" demo
