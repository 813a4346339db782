/* SPDX-License-Identifier: MIT */
/*
 * The claim of rooms: {"job:*":["join"],"user:{sub}":["join","emit"]}. A right that one pattern gives no other
 * one takes away.
 */
#include <string.h>

#include "json.h"
#include "jwt.h"

static const char *const right_names[] = {
    [JWT_RIGHT_JOIN] = "join",
    [JWT_RIGHT_EMIT] = "emit",
};

/* ---- patterns --------------------------------------------------------------------------------- */

static struct slice slice_from(struct slice slice, size_t at)
{
    return (struct slice){ slice.data + at, slice.len - at };
}

static bool begins_with(struct slice text, struct slice start)
{
    return text.len >= start.len && memcmp(text.data, start.data, start.len) == 0;
}

/* Takes the pattern's first piece, which is no '*', from the start of the text. */
static bool take_piece(struct slice *pattern, struct slice *text, struct slice subject)
{
    const struct slice placeholder = SLICE_LITERAL("{sub}");
    bool is_subject = subject.len > 0 && begins_with(*pattern, placeholder);
    size_t len = is_subject ? placeholder.len : 1;
    struct slice piece = is_subject ? subject : (struct slice){ pattern->data, len };

    if (!begins_with(*text, piece))
        return false;
    *pattern = slice_from(*pattern, len);
    *text = slice_from(*text, piece.len);
    return true;
}

/* A '*' takes as little as possible; when what follows does not match, it takes one byte more. Only the
 * last '*' ever has to: so the time is at most the product of both lengths. */
static bool matches(struct slice pattern, struct slice text, struct slice subject)
{
    struct slice behind_star = { NULL, 0 }, taken_from = { NULL, 0 };

    while (pattern.len > 0 || text.len > 0) {
        if (pattern.len > 0 && pattern.data[0] == '*') {
            pattern = behind_star = slice_from(pattern, 1);
            taken_from = text;
        } else if (pattern.len == 0 || !take_piece(&pattern, &text, subject)) {
            if (behind_star.data == NULL || taken_from.len == 0)
                return false;
            pattern = behind_star;
            text = taken_from = slice_from(taken_from, 1);
        }
    }
    return true;
}

bool pattern_matches(struct slice pattern, struct slice text)
{
    return matches(pattern, text, (struct slice){ NULL, 0 });
}

/* ---- the claim -------------------------------------------------------------------------------- */

static bool names_right(struct json rights, enum jwt_right right)
{
    struct json item;
    size_t offset = 0;

    while (json_next(rights, &offset, &item))
        if (json_text_is(item, right_names[right]))
            return true;
    return false;
}

static bool is_for_room(struct json pattern, struct slice room, const struct jwt *jwt)
{
    struct buf text;
    bool is_for_it;

    buf_init(&text, JWT_TOKEN_MAX);
    is_for_it =
        json_text(pattern, &text) && matches(buf_slice(&text), room, slice_of(jwt->subject));
    buf_fini(&text);
    return is_for_it;
}

bool jwt_allows(const struct jwt *jwt, const struct config *config, struct slice room,
                enum jwt_right right)
{
    struct json_member patterns = { .name = config->jwt_rooms_claim };
    struct json claims, pattern, rights;
    size_t offset = 0;

    if (patterns.name == NULL || !json_parse(jwt->claims, &claims) ||
        !json_members(claims, &patterns, 1))
        return false;
    while (json_next_member(patterns.value, &offset, &pattern, &rights))
        if (names_right(rights, right) && is_for_room(pattern, room, jwt))
            return true;
    return false;
}
