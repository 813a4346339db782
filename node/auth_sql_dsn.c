/* SPDX-License-Identifier: MIT */
/*
 * The two forms of --dsn are those of the Go drivers that the option comes from. A password may
 * hold anything: the last '/' ends the address, the last '@' before it ends the user, and the first
 * ':' in that ends the name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth_sql_driver.h"

bool sqlite_dsn_parse(const char *dsn, char name_out[SQL_PATH_MAX], struct why *why)
{
    bool is_uri = strncmp(dsn, "file:", 5) == 0;
    size_t len = is_uri ? strlen(dsn) : strcspn(dsn, "?");

    if (len == 0 || (is_uri && (dsn[5] == '\0' || dsn[5] == '?')))
        return why_set(why, "it names no file");
    if (len >= SQL_PATH_MAX)
        return why_set(why, "it is longer than %d bytes", SQL_PATH_MAX - 1);
    snprintf(name_out, SQL_PATH_MAX, "%.*s", (int)len, dsn);
    return true;
}

static bool copy(char out[SQL_TEXT_MAX], const char *start, size_t len, const char *what,
                 struct why *why)
{
    if (len >= SQL_TEXT_MAX)
        return why_set(why, "the %s is longer than %d bytes", what, SQL_TEXT_MAX - 1);
    memcpy(out, start, len);
    out[len] = '\0';
    return true;
}

/* The last `c` in front of `end`, or NULL. */
static const char *last(const char *start, const char *end, char c)
{
    return memrchr(start, c, (size_t)(end - start));
}

static bool parse_user(const char *start, const char *end, struct mysql_dsn *dsn, struct why *why)
{
    const char *colon = memchr(start, ':', (size_t)(end - start));
    const char *name_end = colon != NULL ? colon : end;

    if (!copy(dsn->user, start, (size_t)(name_end - start), "user", why))
        return false;
    return colon == NULL ||
           copy(dsn->password, colon + 1, (size_t)(end - colon - 1), "password", why);
}

static bool parse_port(const char *text, unsigned *port_out, struct why *why)
{
    uint64_t port;

    if (!slice_to_u64(slice_of(text), 1, 65535, &port))
        return why_set(why, "\"%s\" is no port", text);
    *port_out = (unsigned)port;
    return true;
}

/* host, host:port, [v6] or [v6]:port */
static bool parse_host(const char *start, const char *end, struct mysql_dsn *dsn, struct why *why)
{
    const char *bracket = *start == '[' ? memchr(start, ']', (size_t)(end - start)) : NULL;
    const char *colon = last(bracket != NULL ? bracket : start, end, ':');
    const char *host_end = colon != NULL ? colon : end;
    char port[SQL_TEXT_MAX];

    if (*start == '[' && (bracket == NULL || bracket + 1 != host_end))
        return why_set(why, "the address has no closing bracket");
    if (bracket != NULL && !copy(dsn->host, start + 1, (size_t)(bracket - start - 1), "host", why))
        return false;
    if (bracket == NULL && !copy(dsn->host, start, (size_t)(host_end - start), "host", why))
        return false;
    if (dsn->host[0] == '\0')
        return why_set(why, "the address names no host");
    return colon == NULL || (copy(port, colon + 1, (size_t)(end - colon - 1), "port", why) &&
                             parse_port(port, &dsn->port, why));
}

/* protocol[(address)] */
static bool parse_address(const char *start, const char *end, struct mysql_dsn *dsn,
                          struct why *why)
{
    const char *open = memchr(start, '(', (size_t)(end - start));
    struct slice protocol = { start, (size_t)((open != NULL ? open : end) - start) };
    bool is_unix = slice_is(protocol, "unix");

    if (open != NULL && end[-1] != ')')
        return why_set(why, "the address has no closing parenthesis");
    if (!is_unix && protocol.len > 0 && !slice_is(protocol, "tcp"))
        return why_set(why, "the protocol must be tcp(…) or unix(…)");
    if (open == NULL || open + 1 == end - 1)
        return copy(is_unix ? dsn->socket : dsn->host, is_unix ? "/tmp/mysql.sock" : "127.0.0.1",
                    is_unix ? 15 : 9, "address", why);
    if (is_unix)
        return copy(dsn->socket, open + 1, (size_t)(end - open - 2), "path", why);
    return parse_host(open + 1, end - 1, dsn, why);
}

static bool parse_tls(struct slice value, struct mysql_dsn *dsn, struct why *why)
{
    static const struct {
        const char *name;
        enum mysql_tls tls;
    } modes[] = {
        { "false", MYSQL_TLS_OFF },
        { "preferred", MYSQL_TLS_PREFERRED },
        { "skip-verify", MYSQL_TLS_UNVERIFIED },
        { "true", MYSQL_TLS_VERIFIED },
    };

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (slice_is(value, modes[i].name)) {
            dsn->tls = modes[i].tls;
            return true;
        }
    }
    return why_set(why, "tls must be true, false, skip-verify or preferred");
}

static bool parse_parameters(const char *text, struct mysql_dsn *dsn, struct why *why)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "&");
        const char *equals = memchr(text, '=', len);

        if (equals == NULL)
            return why_set(why, "a parameter is name=value");
        if (slice_is((struct slice){ text, (size_t)(equals - text) }, "tls") &&
            !parse_tls((struct slice){ equals + 1, (size_t)(text + len - equals - 1) }, dsn, why))
            return false;
        text += len + (text[len] == '&');
    }
    return true;
}

bool mysql_dsn_parse(const char *dsn, struct mysql_dsn *dsn_out, struct why *why)
{
    const char *end = dsn + strlen(dsn);
    const char *slash = last(dsn, end, '/');
    const char *at = slash != NULL ? last(dsn, slash, '@') : NULL;
    size_t name_len;

    *dsn_out = (struct mysql_dsn){ .port = 3306 };
    if (slash == NULL)
        return why_set(why, "a slash and the database are missing");
    name_len = strcspn(slash + 1, "?");
    if (name_len == 0)
        return why_set(why, "it names no database");
    return copy(dsn_out->database, slash + 1, name_len, "database", why) &&
           (at == NULL || parse_user(dsn, at, dsn_out, why)) &&
           parse_address(at != NULL ? at + 1 : dsn, slash, dsn_out, why) &&
           (slash[1 + name_len] == '\0' || parse_parameters(slash + 2 + name_len, dsn_out, why));
}
