/* SPDX-License-Identifier: MIT */
/* Redis URLs: cut from both ends; what is left in the middle is the host or the path. */
#include "store/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/hex.h"
#include "base/mem.h"

enum { DB_MAX = 1 << 16 };

static bool split(struct slice whole, char at, struct slice *left_out, struct slice *right_out)
{
    const char *found = whole.len > 0 ? memchr(whole.data, at, whole.len) : NULL;

    if (found == NULL)
        return false;
    *right_out = (struct slice){ found + 1, (size_t)(whole.data + whole.len - found - 1) };
    *left_out = (struct slice){ whole.data, (size_t)(found - whole.data) };
    return true;
}

/* NULL when a % is not followed by two hex digits, or they make a NUL. */
static char *unescape(struct slice text)
{
    char *out = xmalloc(text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        int high, low;

        if (text.data[i] != '%') {
            out[len++] = text.data[i];
            continue;
        }
        high = i + 2 < text.len ? hex_value(text.data[i + 1]) : -1;
        low = i + 2 < text.len ? hex_value(text.data[i + 2]) : -1;
        if (high < 0 || low < 0 || high + low == 0) {
            free(out);
            return NULL;
        }
        out[len++] = (char)(high * 16 + low);
        i += 2;
    }
    out[len] = '\0';
    return out;
}

static bool parse_db(struct url *url, struct slice text, struct why *why)
{
    uint64_t db;

    if (!slice_to_u64(text, 0, DB_MAX, &db))
        return why_set(why, "the database must be a number");
    url->db = (uint32_t)db;
    return true;
}

static bool parse_credentials(struct url *url, struct slice text, struct why *why)
{
    struct slice user, password;

    if (!split(text, ':', &user, &password))
        return why_set(why, "credentials are user:password or :password");
    if (user.len > 0)
        url->user = unescape(user);
    url->password = unescape(password);
    if (url->password == NULL || (user.len > 0 && url->user == NULL))
        return why_set(why, "a %% in the credentials needs two hex digits behind it");
    return true;
}

static bool parse_port(struct url *url, struct slice text, struct why *why)
{
    uint64_t port;

    if (!slice_to_u64(text, 1, 65535, &port))
        return why_set(why, "the port must be a number from 1 to 65535");
    snprintf(url->port, sizeof url->port, "%u", (unsigned)port); /* without noughts before it */
    return true;
}

static bool parse_address(struct url *url, struct slice text, struct why *why)
{
    struct slice host = text, port = { NULL, 0 };

    if (text.len > 0 && text.data[0] == '[') {
        struct slice inside = { text.data + 1, text.len - 1 }, rest;

        if (!split(inside, ']', &host, &rest) || (rest.len > 0 && rest.data[0] != ':'))
            return why_set(why, "[ without ]");
        if (rest.len > 0)
            port = (struct slice){ rest.data + 1, rest.len - 1 };
    } else {
        split(text, ':', &host, &port);
    }
    if (host.len == 0)
        return why_set(why, "the host is missing");
    if (port.data != NULL && !parse_port(url, port, why))
        return false;
    url->host = slice_dup(host);
    return true;
}

static bool parse_redis(struct url *url, struct slice text, struct why *why)
{
    struct slice address = text, db;

    if (split(text, '/', &address, &db) && db.len > 0 && !parse_db(url, db, why))
        return false;
    return parse_address(url, address, why);
}

static bool parse_unix(struct url *url, struct slice text, struct why *why)
{
    struct slice path = text, query;
    struct sockaddr_un address;

    if (split(text, '?', &path, &query)) {
        if (query.len < 3 || memcmp(query.data, "db=", 3) != 0)
            return why_set(why, "nothing but ?db=N may follow the path");
        if (!parse_db(url, (struct slice){ query.data + 3, query.len - 3 }, why))
            return false;
    }
    if (path.len < 2 || path.data[0] != '/' || path.len >= sizeof address.sun_path)
        return why_set(why, "the path must be absolute and shorter than %zu bytes",
                       sizeof address.sun_path);
    url->path = slice_dup(path);
    return true;
}

static bool parse(struct url *url, const char *text, struct why *why)
{
    bool is_redis = strncmp(text, "redis://", 8) == 0;
    struct slice rest, head;
    const char *at;

    if (!is_redis && strncmp(text, "unix://", 7) != 0)
        return why_set(why, "a Redis URL begins with redis:// or unix://");
    rest = slice_of(text + (is_redis ? 8 : 7));
    at = memrchr(rest.data, '@', rest.len);
    if (at != NULL && (is_redis || rest.data[0] != '/')) {
        head = (struct slice){ rest.data, (size_t)(at - rest.data) };
        if (!parse_credentials(url, head, why))
            return false;
        rest = (struct slice){ at + 1, rest.len - head.len - 1 };
    }
    return is_redis ? parse_redis(url, rest, why) : parse_unix(url, rest, why);
}

bool url_parse(struct url *url, const char *text, struct why *why)
{
    *url = (struct url){ .port = "6379" };
    if (parse(url, text, why))
        return true;
    url_fini(url);
    return false;
}

void url_fini(struct url *url)
{
    free(url->host);
    free(url->path);
    free(url->user);
    free(url->password);
    *url = (struct url){ .port = "" };
}
