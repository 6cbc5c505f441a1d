# Headers, libraries, pkg-config files and CMake packages for both libraries.
install(DIRECTORY include/h2ws TYPE INCLUDE)

function(h2ws_install package cmake_name)
  install(
    TARGETS ${ARGN}
    EXPORT ${package}-targets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/${package})
  install(
    EXPORT ${package}-targets
    NAMESPACE h2ws::
    DESTINATION ${config_dir})
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

set_target_properties(h2ws_core_shared PROPERTIES EXPORT_NAME core)
set_target_properties(h2ws_core_static PROPERTIES EXPORT_NAME core-static)
h2ws_install(h2ws-core core h2ws_core_shared h2ws_core_static)
if(TARGET h2ws_shared)
  set_target_properties(h2ws_shared PROPERTIES EXPORT_NAME h2ws)
  set_target_properties(h2ws_static PROPERTIES EXPORT_NAME h2ws-static)
  h2ws_install(h2ws h2ws h2ws_shared h2ws_static)
endif()
if(TARGET h2ws_tool)
  install(TARGETS h2ws_tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
