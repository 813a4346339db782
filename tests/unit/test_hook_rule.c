/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "hook_rule.h"

static const struct {
    const char *name, *text;
    const char *nsp, *event, *url; /* no nsp: wrong */
} cases[] = {
    { "an event", "chat=http://h/x", "/", "chat", "http://h/x" },
    { "any event", "*=https://h/", "/", "*", "https://h/" },
    { "a namespace", "/admin#kick=http://h", "/admin", "kick", "http://h" },
    { "the main namespace by name", "/#kick=http://h", "/", "kick", "http://h" },
    { "an event that begins with a slash", "/#/x=http://h", "/", "/x", "http://h" },
    { "an event with a hash", "a#b=http://h", "/", "a#b", "http://h" },
    { "only the first hash counts", "/a#b#c=http://h", "/a", "b#c", "http://h" },
    { "an event with an equals sign", "a=b=http://h", "/", "a=b", "http://h" },
    { "a URL with all of them", "a=http://h/?x=http://i#y", "/", "a", "http://h/?x=http://i#y" },
    { "a hash in the URL alone", "/a=http://h/#x", NULL, NULL, NULL },
    { "no URL", "chat", NULL, NULL, NULL },
    { "no scheme", "chat=h/x", NULL, NULL, NULL },
    { "another scheme", "chat=file:///x", NULL, NULL, NULL },
    { "no event", "=http://h", NULL, NULL, NULL },
    { "a namespace alone", "/chat=http://h", NULL, NULL, NULL },
    { "a control character", "a\nb=http://h", NULL, NULL, NULL },
    { "connect", "connect=http://h", NULL, NULL, NULL },
    { "disconnect", "/a#disconnect=http://h", NULL, NULL, NULL },
    { "nothing", "", NULL, NULL, NULL },
};

static void rules_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hook_rule rule;
        struct why why = { "" };
        bool is_good = hook_rule_parse(cases[i].text, &rule, &why);

        if (is_good != (cases[i].nsp != NULL) || is_good != (why.text[0] == '\0'))
            fail_msg("%s: %s", cases[i].name, why.text);
        if (is_good &&
            (!slice_is(rule.nsp, cases[i].nsp) || !slice_is(rule.event, cases[i].event) ||
             strcmp(rule.url, cases[i].url) != 0))
            fail_msg("%s: got %.*s %.*s %s", cases[i].name, (int)rule.nsp.len, rule.nsp.data,
                     (int)rule.event.len, rule.event.data, rule.url);
    }
}

static void the_rule_that_names_the_event_wins(void **state)
{
    static char text[][32] = { "*=http://b/any", "chat=http://b/chat", "chat=http://b/late",
                               "/a*#*=http://b/a", "no rule" };
    char *texts[] = { text[0], text[1], text[2], text[3], text[4] };
    const struct strings all = { texts, sizeof texts / sizeof texts[0] };
    struct hook_rules rules = { .items = NULL };

    (void)state;
    hook_rules_read(&rules, &all);
    assert_int_equal(rules.count, 4);
    assert_string_equal(hook_rules_find(&rules, slice_of("/"), slice_of("chat")), "http://b/chat");
    assert_string_equal(hook_rules_find(&rules, slice_of("/"), slice_of("x")), "http://b/any");
    assert_string_equal(hook_rules_find(&rules, slice_of("/ab"), slice_of("chat")), "http://b/a");
    assert_null(hook_rules_find(&rules, slice_of("/b"), slice_of("chat")));
    hook_rules_fini(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_taken_apart),
        cmocka_unit_test(the_rule_that_names_the_event_wins),
    };

    return cmocka_run_group_tests_name("hook_rule", tests, NULL, NULL);
}
