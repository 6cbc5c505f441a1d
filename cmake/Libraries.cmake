# libh2ws-core: no input or output. libh2ws: the edge on top of it. Each is
# compiled once and linked shared and static.
file(GLOB H2WS_CORE_SOURCES CONFIGURE_DEPENDS lib/*.c lib/base/*.c h1/*.c
     h2/*.c ws/*.c)
file(GLOB H2WS_EDGE_SOURCES CONFIGURE_DEPENDS lib/io/*.c lib/easy/*.c)

function(h2ws_library name output)
  cmake_parse_arguments(LIB "" "" "SOURCES;PRIVATE;PUBLIC_SHARED;PUBLIC_STATIC"
                        ${ARGN})
  add_library(${name}_objects OBJECT ${LIB_SOURCES})
  target_compile_definitions(${name}_objects PRIVATE H2WS_BUILDING)
  target_include_directories(
    ${name}_objects
    PUBLIC ${PROJECT_SOURCE_DIR}/include
    PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name}_objects PRIVATE h2ws_flags ${LIB_PRIVATE})

  foreach(kind SHARED STATIC)
    string(TOLOWER ${kind} suffix)
    set(target ${name}_${suffix})
    add_library(${target} ${kind} $<TARGET_OBJECTS:${name}_objects>)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${output})
    target_include_directories(
      ${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                       $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(
      ${target}
      PUBLIC ${LIB_PUBLIC_${kind}}
      PRIVATE $<BUILD_INTERFACE:h2ws_flags> ${LIB_PRIVATE})
  endforeach()
  # libh2ws finds libh2ws-core beside it, wherever the two are installed.
  set_target_properties(
    ${name}_shared PROPERTIES VERSION ${PROJECT_VERSION}
                              SOVERSION 0
                              INSTALL_RPATH "$ORIGIN")
  # Threads of libh2ws run in it: dlclose() must not take it away.
  target_link_options(${name}_shared PRIVATE -Wl,--as-needed -Wl,-z,nodelete)
  if(H2WS_HARDEN)
    target_link_options(${name}_shared PRIVATE -Wl,-z,defs)
  endif()
  target_compile_definitions(${name}_static INTERFACE H2WS_STATIC)
endfunction()

set(H2WS_CORE_NEEDS PkgConfig::NGHTTP2 PkgConfig::ZLIB wslay::wslay
                    ${H2WS_H1_PARSER}::${H2WS_H1_PARSER})

h2ws_library(h2ws_core h2ws-core SOURCES ${H2WS_CORE_SOURCES} PRIVATE
             ${H2WS_CORE_NEEDS})
if(H2WS_H1_PARSER STREQUAL llhttp)
  target_compile_definitions(h2ws_core_objects PRIVATE H2WS_USE_LLHTTP)
endif()
if(H2WS_EDGE_SOURCES)
  h2ws_library(
    h2ws h2ws
    SOURCES ${H2WS_EDGE_SOURCES}
    PRIVATE PkgConfig::EVENT OpenSSL::SSL OpenSSL::Crypto Threads::Threads
    PUBLIC_SHARED h2ws_core_shared
    PUBLIC_STATIC h2ws_core_static)
endif()

# What programs of ours link: the whole library, statically.
add_library(h2ws_all INTERFACE)
if(TARGET h2ws_static)
  target_link_libraries(h2ws_all INTERFACE h2ws_static)
endif()
target_link_libraries(h2ws_all INTERFACE h2ws_core_static h2ws_flags)
