/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "listener.h"

static uv_loop_t loop;
static char folder[64], unix_path[96], unix_address[112];

static struct {
    int count, fds[256];
    struct peer last;
} accepted;

static void on_accepted(int fd, const struct peer *peer, void *ctx)
{
    assert_ptr_equal(ctx, &accepted);
    accepted.fds[accepted.count++] = fd;
    accepted.last = *peer;
}

static int start(void **state)
{
    (void)state;
    accepted.count = 0;
    support_folder_make(folder, sizeof folder, "listener");
    snprintf(unix_path, sizeof unix_path, "%s/socket", folder);
    snprintf(unix_address, sizeof unix_address, "unix://%s", unix_path);
    return uv_loop_init(&loop);
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < accepted.count; i++)
        close(accepted.fds[i]);
    support_loop_close(&loop);
    support_folder_remove(folder);
    return 0;
}

static struct listener *open_at(const char *address)
{
    struct why why = { "" };
    struct listener *listener = listener_create(&loop, address, on_accepted, &accepted, &why);

    if (listener == NULL)
        fail_msg("%s", why.text);
    return listener;
}

static uint16_t port_of(const struct listener *listener)
{
    return (uint16_t)atoi(strrchr(listener_address(listener), ':') + 1);
}

static int connect_v4(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static int connect_unix(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(address.sun_path, unix_path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static bool has_accepted(void *count)
{
    return accepted.count >= *(int *)count;
}

static void wait_accepted(int count)
{
    support_wait(&loop, has_accepted, &count, SUPPORT_WAIT_MS, "a connection");
}

static void test_accepted_sockets(void **state)
{
    struct listener *listener = open_at("127.0.0.1:0");
    int fd = connect_v4(port_of(listener)), on = 0;
    socklen_t len = sizeof on;
    char text[PEER_TEXT_SIZE];

    (void)state;
    wait_accepted(1);
    peer_format(&accepted.last, text);
    assert_string_equal(text, "127.0.0.1");
    assert_true((fcntl(accepted.fds[0], F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(accepted.fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(getsockopt(accepted.fds[0], IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_int_not_equal(on, 0);
    close(fd);
    listener_destroy(&listener);
    assert_null(listener);
    listener_destroy(&listener);
}

static void test_every_address_of_the_machine(void **state)
{
    struct listener *listener = open_at(":0");
    int fd = connect_v4(port_of(listener));
    char text[PEER_TEXT_SIZE];

    (void)state;
    wait_accepted(1);
    peer_format(&accepted.last, text);
    assert_string_equal(text, "127.0.0.1"); /* IPv4, though the socket may be one of IPv6 */
    close(fd);
    listener_destroy(&listener);
}

static void test_names(void **state)
{
    struct listener *listener = open_at("localhost:0");
    int fd = connect_v4(port_of(listener));

    (void)state;
    wait_accepted(1);
    close(fd);
    listener_destroy(&listener);
}

static void test_ipv6(void **state)
{
    struct why why = { "" };
    struct listener *listener = listener_create(&loop, "[::1]:0", on_accepted, &accepted, &why);
    struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    char text[PEER_TEXT_SIZE];
    int fd;

    (void)state;
    if (listener == NULL)
        skip(); /* a machine without IPv6 */
    assert_non_null(strstr(listener_address(listener), "[::1]:"));
    address.sin6_port = htons(port_of(listener));
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    wait_accepted(1);
    peer_format(&accepted.last, text);
    assert_string_equal(text, "::1");
    close(fd);
    listener_destroy(&listener);
}

static void test_a_port_is_shared(void **state)
{
    struct listener *first = open_at("127.0.0.1:0"), *second = open_at(listener_address(first));

    (void)state;
    assert_string_equal(listener_address(first), listener_address(second));
    listener_destroy(&first);
    listener_destroy(&second);
}

static void test_unix_socket(void **state)
{
    static const struct peer nobody;
    struct listener *listener = open_at(unix_address);
    struct stat found;
    int fd = connect_unix();

    (void)state;
    wait_accepted(1);
    assert_true(peer_equals(&accepted.last, &nobody));
    assert_string_equal(listener_address(listener), unix_address);
    close(fd);
    listener_destroy(&listener);
    assert_int_not_equal(stat(unix_path, &found), 0);
}

static void test_unix_socket_that_was_left_behind(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int left = socket(AF_UNIX, SOCK_STREAM, 0), fd;
    struct listener *listener;

    (void)state;
    strcpy(address.sun_path, unix_path);
    assert_int_equal(bind(left, (struct sockaddr *)&address, sizeof address), 0);
    close(left);
    listener = open_at(unix_address);
    fd = connect_unix();
    wait_accepted(1);
    close(fd);
    listener_destroy(&listener);
}

static void test_unix_socket_that_is_served(void **state)
{
    struct listener *first = open_at(unix_address), *second;
    struct why why = { "" };

    (void)state;
    second = listener_create(&loop, unix_address, on_accepted, &accepted, &why);
    assert_null(second);
    assert_non_null(strstr(why.text, "in use"));
    close(connect_unix()); /* the first one's file is still there */
    listener_destroy(&first);
}

static void test_a_file_is_not_replaced(void **state)
{
    struct why why = { "" };
    int fd = open(unix_path, O_CREAT | O_WRONLY, 0600);
    struct stat found;

    (void)state;
    close(fd);
    assert_null(listener_create(&loop, unix_address, on_accepted, &accepted, &why));
    assert_int_equal(stat(unix_path, &found), 0);
    assert_true(S_ISREG(found.st_mode));
}

static void test_bad_addresses(void **state)
{
    static const char *const addresses[] = {
        "",        "8080",    "localhost",    "127.0.0.1:",       "127.0.0.1:http!",
        "::1:80",  "[::1]80", "[]:80",        "127.0.0.1:123456", "unix://relative",
        "unix://", "[::1:80", "999.0.0.1:80",
    };

    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        struct why why = { "" };

        print_message("  \"%s\"\n", addresses[i]);
        assert_null(listener_create(&loop, addresses[i], on_accepted, &accepted, &why));
        assert_non_null(strstr(why.text, addresses[i]));
    }
}

static bool is_closed(void *ctx)
{
    char byte;
    ssize_t got = recv(*(int *)ctx, &byte, 1, MSG_DONTWAIT);

    return got == 0 || (got < 0 && errno == ECONNRESET);
}

/* No descriptor is left: the client is let go of at once, and the next one is served. */
static void test_no_descriptor_left(void **state)
{
    struct listener *listener = open_at("127.0.0.1:0");
    struct rlimit old, none;
    int fd = connect_v4(port_of(listener)), fresh = dup(fd);

    (void)state;
    close(fresh); /* the lowest that is free */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = (struct rlimit){ (rlim_t)fresh, old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    support_wait(&loop, is_closed, &fd, SUPPORT_WAIT_MS, "to be turned away");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(accepted.count, 0);
    close(fd);
    fd = connect_v4(port_of(listener));
    wait_accepted(1);
    close(fd);
    listener_destroy(&listener);
}

static void test_a_storm(void **state)
{
    enum { STORM = 200 }; /* more than one batch */
    struct listener *listener = open_at("127.0.0.1:0");
    int fds[STORM];

    (void)state;
    for (int i = 0; i < STORM; i++)
        fds[i] = connect_v4(port_of(listener));
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_true(accepted.count > 0 && accepted.count < STORM);
    wait_accepted(STORM);
    for (int i = 0; i < STORM; i++)
        close(fds[i]);
    listener_destroy(&listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_accepted_sockets),
        TEST(test_every_address_of_the_machine),
        TEST(test_names),
        TEST(test_ipv6),
        TEST(test_a_port_is_shared),
        TEST(test_unix_socket),
        TEST(test_unix_socket_that_was_left_behind),
        TEST(test_unix_socket_that_is_served),
        TEST(test_a_file_is_not_replaced),
        TEST(test_bad_addresses),
        TEST(test_no_descriptor_left),
        TEST(test_a_storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
