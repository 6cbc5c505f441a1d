# Headers, libraries, pkg-config files and CMake packages for both libraries.
install(DIRECTORY include/h2ws TYPE INCLUDE FILES_MATCHING PATTERN "*.h")

set(H2WS_CORE_PRIVATE_LIBS "-lwslay -l${H2WS_H1_PARSER}")

# From the folder of the .pc files back to the prefix: an installed tree can be
# moved.
file(RELATIVE_PATH H2WS_PC_TO_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" H2WS_PC_TO_PREFIX "${H2WS_PC_TO_PREFIX}")

# NAME is what the package calls the target: h2ws::NAME and h2ws::NAME-static.
function(h2ws_install package name target)
  set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/${package})
  # Two export files: who links the shared library never has to have the
  # libraries below us, who links the static one has them found again.
  foreach(kind shared static)
    install(
      TARGETS ${target}_${kind}
      EXPORT ${package}-${kind}
      LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
      ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(
      EXPORT ${package}-${kind}
      NAMESPACE h2ws::
      DESTINATION ${config_dir})
  endforeach()
  set_target_properties(${target}_shared PROPERTIES EXPORT_NAME ${name})
  set_target_properties(${target}_static PROPERTIES EXPORT_NAME ${name}-static)
  configure_package_config_file(
    cmake/${package}-config.cmake.in
    ${CMAKE_BINARY_DIR}/${package}-config.cmake
    INSTALL_DESTINATION ${config_dir})
  write_basic_package_version_file(
    ${CMAKE_BINARY_DIR}/${package}-config-version.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/${package}-config.cmake
                ${CMAKE_BINARY_DIR}/${package}-config-version.cmake
          DESTINATION ${config_dir})
  configure_file(cmake/${package}.pc.in ${CMAKE_BINARY_DIR}/${package}.pc
                 @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/${package}.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

h2ws_install(h2ws-core core h2ws_core)
install(FILES cmake/Findwslay.cmake cmake/Find${H2WS_H1_PARSER}.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/h2ws-core)
if(TARGET h2ws_shared)
  h2ws_install(h2ws h2ws h2ws)
endif()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(TARGET h2ws_tool)
  install(TARGETS h2ws_tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
