/* SPDX-License-Identifier: MIT */
/*
 * WHATWG's URL parser, as far as it says no. Of a special scheme it takes any path, query and fragment:
 *
 *     url = scheme ":" slashes [ credentials "@" ] host [ ":" [ port ] ] rest
 *
 * A scheme's slashes are any number of either kind, none as well; controls and blanks around a URL and tabs and line
 * ends within are not there.
 */
#include "fleet_url.h"

#include <string.h>
#include <strings.h>

enum { PORT_MAX = 65535 };

static bool is_space(char c)
{
    return (unsigned char)c <= ' ';
}

static struct slice trimmed(struct slice url)
{
    while (url.len > 0 && is_space(url.data[0])) {
        url.data++;
        url.len--;
    }
    while (url.len > 0 && is_space(url.data[url.len - 1]))
        url.len--;
    return url;
}

static void add_cleaned(struct buf *out, struct slice url)
{
    for (size_t i = 0; i < url.len; i++) {
        if (url.data[i] != '\t' && url.data[i] != '\n' && url.data[i] != '\r')
            buf_add_byte(out, url.data[i]);
    }
}

static bool take_scheme(struct slice *url)
{
    static const char *const schemes[] = { "ws:", "wss:", "http:", "https:" };

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i]);

        if (url->len >= len && strncasecmp(url->data, schemes[i], len) == 0) {
            *url = (struct slice){ url->data + len, url->len - len };
            return true;
        }
    }
    return false;
}

/* Credentials, host and port: what stands between the slashes and the rest. */
static struct slice authority_of(struct slice url)
{
    size_t len = 0;

    while (url.len > 0 && (url.data[0] == '/' || url.data[0] == '\\')) {
        url.data++;
        url.len--;
    }
    while (len < url.len && memchr("/\\?#", url.data[len], 4) == NULL)
        len++;
    return (struct slice){ url.data, len };
}

static struct slice without_credentials(struct slice authority)
{
    const char *at = memrchr(authority.data, '@', authority.len);
    size_t len = at != NULL ? (size_t)(at - authority.data) + 1 : 0;

    return (struct slice){ authority.data + len, authority.len - len };
}

/* Up to the first colon that is not within brackets. */
static size_t host_len(struct slice authority)
{
    bool is_within = false;
    size_t len = 0;

    for (; len < authority.len; len++) {
        char c = authority.data[len];

        if (c == ':' && !is_within)
            break;
        is_within = c == '[' || (is_within && c != ']');
    }
    return len;
}

static bool port_is_good(struct slice port)
{
    unsigned number = 0;

    for (size_t i = 0; i < port.len; i++) {
        unsigned digit = (unsigned char)port.data[i] - (unsigned)'0';

        if (digit > 9)
            return false;
        number = number * 10 + digit;
        if (number > PORT_MAX)
            return false;
    }
    return true;
}

static bool authority_is_good(struct slice authority)
{
    size_t len = host_len(authority);

    if (!fleet_host_is_good((struct slice){ authority.data, len }))
        return false;
    return len == authority.len ||
           port_is_good((struct slice){ authority.data + len + 1, authority.len - len - 1 });
}

bool fleet_url_is_good(struct slice url)
{
    struct buf cleaned;
    struct slice left;
    bool is_good;

    url = trimmed(url);
    buf_init(&cleaned, url.len);
    add_cleaned(&cleaned, url);
    left = buf_slice(&cleaned);
    is_good = take_scheme(&left) && authority_is_good(without_credentials(authority_of(left)));
    buf_fini(&cleaned);
    return is_good;
}
