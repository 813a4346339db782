/* SPDX-License-Identifier: MIT */
/*
 * --socketio-client: the browser bundle, below the path. Files of exactly these names are read at
 * the start and at each reload, and served from memory; no name ever becomes a part of a path.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine_inner.h"

enum { FILE_BYTES_MAX = 4 * 1024 * 1024, TAG_SIZE = 24, PATH_SIZE = 4096 };

static const char *const names[] = {
    "socket.io.js",
    "socket.io.js.map",
    "socket.io.min.js",
    "socket.io.min.js.map",
    "socket.io.esm.min.js",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js",
    "socket.io.msgpack.min.js.map",
};
enum { NAMES = sizeof names / sizeof names[0] };

struct engine_files {
    struct file {
        struct buf bytes; /* no data: there is no such file */
        char tag[TAG_SIZE];
    } items[NAMES];
};

/* FNV-1a: it tells versions apart, nothing more. */
static void write_tag(struct file *file)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < file->bytes.len; i++)
        hash = (hash ^ (unsigned char)file->bytes.data[i]) * 0x100000001b3;
    snprintf(file->tag, sizeof file->tag, "\"%016llx\"", (unsigned long long)hash);
}

static void read_all(FILE *stream, struct buf *bytes)
{
    char piece[16384];
    size_t len;

    buf_init(bytes, FILE_BYTES_MAX);
    while ((len = fread(piece, 1, sizeof piece, stream)) > 0)
        buf_add(bytes, piece, len);
    if (ferror(stream) || bytes->has_overflowed)
        buf_fini(bytes);
}

static bool file_read(struct file *file, const char *folder, const char *name)
{
    char path[PATH_SIZE];
    FILE *stream;

    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    stream = fopen(path, "rb");
    if (stream == NULL)
        return false;
    read_all(stream, &file->bytes);
    fclose(stream);
    write_tag(file);
    return file->bytes.data != NULL;
}

void engine_files_load(struct engine_files **files, const char *folder)
{
    size_t found = 0;

    engine_files_unload(files);
    if (folder == NULL || folder[0] == '\0')
        return;
    *files = xcalloc(1, sizeof **files);
    for (size_t i = 0; i < NAMES; i++)
        found += file_read(&(*files)->items[i], folder, names[i]);
    if (found == 0)
        log_warn(NULL, "engine.files", "folder=%s found=0", log_quote(folder, strlen(folder)));
}

void engine_files_unload(struct engine_files **files)
{
    if (*files == NULL)
        return;
    for (size_t i = 0; i < NAMES; i++)
        buf_fini(&(*files)->items[i].bytes);
    free(*files);
    *files = NULL;
}

static void file_reply(const struct file *file, struct http_request *request, bool is_map,
                       const char *headers)
{
    enum { OWN_MAX = 128 };
    bool is_known = slice_is(http_header(request, "if-none-match"), file->tag);
    struct http_reply reply = {
        .status = is_known ? 304 : 200,
        .type = is_known ? NULL
                : is_map ? "application/json; charset=utf-8"
                         : "application/javascript; charset=utf-8",
        .body = is_known ? SLICE_LITERAL("") : buf_slice(&file->bytes),
    };
    struct buf all;

    buf_init(&all, strlen(headers) + OWN_MAX);
    buf_printf(&all, "%sCache-Control: public, max-age=0\r\nETag: %s\r\n", headers, file->tag);
    buf_add_byte(&all, '\0');
    reply.headers = all.data;
    http_reply(request, &reply);
    buf_fini(&all);
}

static size_t find(struct slice name)
{
    size_t i = 0;

    while (i < NAMES && !slice_is(name, names[i]))
        i++;
    return i;
}

bool engine_files_know(struct slice name)
{
    return find(name) < NAMES;
}

void engine_files_serve(const struct engine_files *files, struct http_request *request,
                        struct slice name, const char *headers)
{
    size_t i = find(name);

    if (files == NULL || files->items[i].bytes.data == NULL)
        http_reply(request, &(struct http_reply){ .status = 404, .headers = headers });
    else
        file_reply(&files->items[i], request, name.data[name.len - 1] == 'p', headers);
}
