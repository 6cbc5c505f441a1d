# llhttp::llhttp. Where it is packaged, there is not always a .pc file or a
# CMake package: look for the files.
find_path(llhttp_INCLUDE_DIR llhttp.h)
find_library(llhttp_LIBRARY llhttp)
mark_as_advanced(llhttp_INCLUDE_DIR llhttp_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(llhttp REQUIRED_VARS llhttp_LIBRARY
                                                      llhttp_INCLUDE_DIR)

if(llhttp_FOUND AND NOT TARGET llhttp::llhttp)
  add_library(llhttp::llhttp UNKNOWN IMPORTED)
  set_target_properties(
    llhttp::llhttp
    PROPERTIES IMPORTED_LOCATION "${llhttp_LIBRARY}"
               INTERFACE_INCLUDE_DIRECTORIES "${llhttp_INCLUDE_DIR}")
endif()
