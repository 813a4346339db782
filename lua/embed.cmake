# SPDX-License-Identifier: MIT
# Writes ${OUTPUT}: every script in ${FOLDER} as a row of lua_scripts[] (store/scripts.h), by name.
# A line `-- include: NAME` in a script stands for NAME.inc.lua, which is no script of its own.
file(GLOB FILES ${FOLDER}/*.lua)
list(FILTER FILES EXCLUDE REGEX "\\.inc\\.lua$")
list(SORT FILES)
set(ROWS "")
set(BODIES "")
foreach(FILE ${FILES})
  get_filename_component(NAME ${FILE} NAME_WE)
  file(READ ${FILE} TEXT)
  while("${TEXT}" MATCHES "-- include: ([a-z_]+)\n")
    set(LINE "${CMAKE_MATCH_0}")
    file(READ ${FOLDER}/${CMAKE_MATCH_1}.inc.lua PIECE)
    string(REPLACE "${LINE}" "${PIECE}" TEXT "${TEXT}")
  endwhile()
  string(HEX "${TEXT}" HEX)
  string(SHA1 SHA1 "${TEXT}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," BYTES "${HEX}")
  string(APPEND BODIES "static const char ${NAME}_text[] = {${BYTES}0};\n")
  string(APPEND ROWS "    {\"${NAME}\", ${NAME}_text, sizeof ${NAME}_text - 1, \"${SHA1}\"},\n")
endforeach()
file(WRITE ${OUTPUT} "/* made from lua/ */\n#include \"store/scripts.h\"\n\n${BODIES}
const struct lua_script lua_scripts[] = {\n${ROWS}};
const size_t lua_script_count = sizeof lua_scripts / sizeof lua_scripts[0];\n")
