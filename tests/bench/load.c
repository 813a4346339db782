/* SPDX-License-Identifier: MIT
 *
 * A load generator that costs little: one thread, epoll, WebSocket and HTTP clients with templates.
 *
 *   senders    WebSocket or HTTP connections that send a message at a rate, or as fast as the answers
 *              come, each with at most --window of them unanswered. Without receivers, and with one at a
 *              time, the delays are those of HTTP's answers
 *   receivers  WebSocket connections that wait for messages
 *
 * Templates (URLs, headers, hellos, messages): @C is the connection's index, @R a random index below
 * --indexes, @N a running number, and @T the time in the form ~0000000000000000~ (microseconds): a
 * receiver that finds it in a message has its delay. The result is one JSON object on standard output.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STAMP_DIGITS = 16, TEXT_MAX = 8192, HELLOS_MAX = 4, DELAYS_MAX = 4000000 };
enum state { CONNECTING, UPGRADING, GREETING, OPEN, DEAD };

struct role {
    const char *url, *hellos[HELLOS_MAX];
    int hello_count, count;
    bool is_http;
};

struct client {
    const struct role *role;
    int fd, index, hellos_sent;
    enum state state;
    bool wants_out;
    uint32_t unanswered;
    int64_t asked_us;
    char *in, *out;
    size_t in_len, in_size, out_len, out_size;
};

static struct {
    struct role senders, receivers;
    const char *message, *ack, *hello_ok, *headers;
    double rate, seconds;
    uint32_t window, ahead;
    int indexes, opening_max;
    bool is_held;
} options = { .seconds = 5, .window = 100, .indexes = 1, .opening_max = 200, .hello_ok = "" };

static struct {
    uint64_t sent, answered, failed, received, dead;
    uint32_t *delays;
    size_t delay_count;
    int open, opening;
} stats;

static int epoll_fd;
static uint64_t number;

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint32_t random_below(uint32_t bound)
{
    static uint64_t x = 88172645463325252ull;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x % bound);
}

static size_t expand(char *out, const char *template, const struct client *client)
{
    size_t len = 0;

    for (const char *p = template; *p != '\0' && len < TEXT_MAX - 32; p++) {
        if (p[0] != '@' || strchr("CRNT", p[1]) == NULL || p[1] == '\0') {
            out[len++] = *p;
            continue;
        }
        p++;
        if (*p == 'C')
            len += (size_t)sprintf(out + len, "%d", client->index);
        else if (*p == 'R')
            len += (size_t)sprintf(out + len, "%u", random_below((uint32_t)options.indexes));
        else if (*p == 'N')
            len += (size_t)sprintf(out + len, "%llu", (unsigned long long)++number);
        else
            len += (size_t)sprintf(out + len, "~%0*lld~", STAMP_DIGITS, (long long)now_us());
    }
    out[len] = '\0';
    return len;
}

static void watch(struct client *client, bool wants_out)
{
    struct epoll_event event = { .events = EPOLLIN | (wants_out ? EPOLLOUT : 0),
                                 .data.ptr = client };

    if (client->wants_out != wants_out)
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
    client->wants_out = wants_out;
}

static void die(struct client *client)
{
    if (client->state == DEAD)
        return;
    if (client->state == OPEN)
        stats.open--;
    else
        stats.opening--;
    client->state = DEAD;
    stats.dead++;
    close(client->fd);
}

static void flush(struct client *client)
{
    while (client->out_len > 0) {
        ssize_t wrote = send(client->fd, client->out, client->out_len, MSG_NOSIGNAL);

        if (wrote < 0) {
            if (errno != EAGAIN)
                die(client);
            break;
        }
        client->out_len -= (size_t)wrote;
        memmove(client->out, client->out + wrote, client->out_len);
    }
    if (client->state != DEAD)
        watch(client, client->out_len > 0);
}

static void put(struct client *client, const void *data, size_t len)
{
    if (client->out_len + len > client->out_size) {
        client->out_size = (client->out_len + len) * 2;
        client->out = realloc(client->out, client->out_size);
    }
    memcpy(client->out + client->out_len, data, len);
    client->out_len += len;
}

/* A text frame, masked with zeros. */
static void put_frame(struct client *client, const char *text, size_t len)
{
    unsigned char head[8] = { 0x81 };
    size_t head_len = 2;

    assert(len < 65536);
    if (len < 126) {
        head[1] = (unsigned char)(0x80 | len);
    } else {
        head[1] = 0x80 | 126;
        head[2] = (unsigned char)(len >> 8);
        head[3] = (unsigned char)len;
        head_len = 4;
    }
    memset(head + head_len, 0, 4);
    put(client, head, head_len + 4);
    put(client, text, len);
}

static void is_now_open(struct client *client)
{
    client->state = OPEN;
    stats.opening--;
    stats.open++;
}

static void greet(struct client *client)
{
    char text[TEXT_MAX];

    if (client->hellos_sent == client->role->hello_count) {
        is_now_open(client);
        return;
    }
    client->state = GREETING;
    put_frame(client, text, expand(text, client->role->hellos[client->hellos_sent++], client));
    flush(client);
}

static void add_delay(int64_t since_us)
{
    if (stats.delay_count < DELAYS_MAX)
        stats.delays[stats.delay_count++] = (uint32_t)(now_us() - since_us);
}

static void note_delay(const char *text, size_t len)
{
    for (const char *p = text; (p = memchr(p, '~', len - (size_t)(p - text))) != NULL; p++) {
        if ((size_t)(p - text) + STAMP_DIGITS + 2 <= len && p[STAMP_DIGITS + 1] == '~') {
            add_delay(strtoll(p + 1, NULL, 10));
            return;
        }
    }
}

static bool begins(const char *text, size_t len, const char *prefix)
{
    size_t prefix_len = strlen(prefix);

    return len >= prefix_len && memcmp(text, prefix, prefix_len) == 0;
}

static void on_text(struct client *client, const char *text, size_t len)
{
    if (len == 1 && text[0] == '2') { /* an Engine.IO ping */
        put_frame(client, "3", 1);
        flush(client);
    } else if (client->state == GREETING) {
        if (begins(text, len, options.hello_ok))
            greet(client);
    } else if (client->role == &options.senders) {
        if (options.ack != NULL && begins(text, len, options.ack)) {
            stats.answered++;
            client->unanswered--;
        } else {
            stats.failed++;
        }
    } else {
        stats.received++;
        note_delay(text, len);
    }
}

/* One whole frame at the start of `in`: its length, or 0 when more is needed. */
static size_t take_frame(struct client *client, unsigned char *in, size_t len)
{
    size_t head = 2, payload;

    if (len < 2)
        return 0;
    payload = in[1] & 127;
    if (payload == 126) {
        head = 4;
        if (len < head)
            return 0;
        payload = (size_t)in[2] << 8 | in[3];
    } else if (payload == 127) {
        head = 10;
        if (len < head)
            return 0;
        payload = 0;
        for (int i = 2; i < 10; i++)
            payload = payload << 8 | in[i];
    }
    if (len < head + payload)
        return 0;
    if ((in[0] & 15) == 8)
        die(client);
    else if ((in[0] & 15) == 9) {
        unsigned char pong[131] = { 0x8a, (unsigned char)(0x80 | payload) };

        memcpy(pong + 6, in + head, payload);
        put(client, pong, payload + 6);
        flush(client);
    } else if ((in[0] & 15) <= 2) {
        on_text(client, (char *)in + head, payload);
    }
    return head + payload;
}

/* Where a body in chunks ends, or 0 when more is needed. */
static size_t chunks_end(const char *in, size_t len, size_t at)
{
    for (;;) {
        const char *line = memmem(in + at, len - at, "\r\n", 2);
        size_t chunk;

        if (line == NULL)
            return 0;
        chunk = strtoul(in + at, NULL, 16);
        at = (size_t)(line - in) + 2 + chunk + 2;
        if (at > len)
            return 0;
        if (chunk == 0)
            return at;
    }
}

/* One whole HTTP response at the start of `in`: its length, or 0 when more is needed. */
static size_t take_response(struct client *client, char *in, size_t len)
{
    char *end = memmem(in, len, "\r\n\r\n", 4), *length;
    bool is_chunked;
    size_t total;

    if (end == NULL)
        return 0;
    total = (size_t)(end - in) + 4;
    if (client->state == UPGRADING) {
        if (!begins(in, len, "HTTP/1.1 101")) {
            fprintf(stderr, "load: %.*s\n", (int)(len < 300 ? len : 300), in);
            die(client);
        } else {
            greet(client);
        }
        return total;
    }
    *end = '\0';
    length = strcasestr(in, "\r\ncontent-length:");
    is_chunked = strcasestr(in, "\r\ntransfer-encoding: chunked") != NULL;
    *end = '\r';
    if (length != NULL)
        total += strtoul(length + 17, NULL, 10);
    else if (is_chunked)
        total = chunks_end(in, len, total);
    if (total == 0 || len < total)
        return 0;
    if (begins(in, len, "HTTP/1.1 2"))
        stats.answered++;
    else if (stats.failed++ < 3)
        fprintf(stderr, "load: %.*s\n", (int)(total < 300 ? total : 300), in);
    client->unanswered--;
    if (options.window == 1 && options.receivers.count == 0)
        add_delay(client->asked_us);
    return total;
}

static void on_readable(struct client *client)
{
    for (;;) {
        size_t used = 0, step;
        ssize_t got;

        if (client->in_size - client->in_len < 4096) {
            client->in_size = client->in_size * 2 + 8192;
            client->in = realloc(client->in, client->in_size);
        }
        got = recv(client->fd, client->in + client->in_len, client->in_size - client->in_len, 0);
        if (got <= 0) {
            if (got == 0 || errno != EAGAIN)
                die(client);
            break;
        }
        client->in_len += (size_t)got;
        do {
            bool is_http = client->role->is_http || client->state == UPGRADING;

            step = is_http ? take_response(client, client->in + used, client->in_len - used)
                           : take_frame(client, (unsigned char *)client->in + used,
                                        client->in_len - used);
            used += step;
        } while (step > 0 && client->state != DEAD);
        if (client->state == DEAD)
            return;
        client->in_len -= used;
        memmove(client->in, client->in + used, client->in_len);
        if ((size_t)got < 4096)
            break;
    }
    if (client->in_len == 0 && options.is_held) { /* idle connections cost us nothing either */
        free(client->in);
        client->in = NULL;
        client->in_size = 0;
    }
}

static void parse_url(const char *url, struct sockaddr_in *address, const char **path)
{
    char host[64];
    int port;

    url = strstr(url, "://");
    if (url == NULL || sscanf(url + 3, "%63[^:]:%d", host, &port) != 2) {
        fprintf(stderr, "load: a URL is ws://A.B.C.D:PORT/path\n");
        exit(2);
    }
    *address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    inet_pton(AF_INET, host, &address->sin_addr);
    *path = strchr(url + 3, '/');
    if (*path == NULL)
        *path = "/";
}

static void start(struct client *client)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = client };
    struct sockaddr_in address;
    const char *path;
    int one = 1;

    parse_url(client->role->url, &address, &path);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) {
        perror("load: socket");
        exit(1);
    }
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    stats.opening++;
    client->state = CONNECTING;
    client->wants_out = true;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client->fd, &event);
    if (connect(client->fd, (struct sockaddr *)&address, sizeof address) < 0 &&
        errno != EINPROGRESS)
        die(client);
}

static void on_connected(struct client *client)
{
    struct sockaddr_in address;
    const char *path;
    char target[TEXT_MAX], text[TEXT_MAX + 512];

    if (client->role->is_http) {
        is_now_open(client);
        watch(client, false);
        return;
    }
    parse_url(client->role->url, &address, &path);
    expand(target, path, client);
    client->state = UPGRADING;
    put(client, text,
        (size_t)sprintf(text,
                        "GET %s HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                        target));
    flush(client);
}

static void send_one(struct client *client)
{
    char body[TEXT_MAX], headers[TEXT_MAX], target[TEXT_MAX], text[3 * TEXT_MAX];
    size_t body_len = options.message != NULL ? expand(body, options.message, client) : 0;
    struct sockaddr_in address;
    const char *path;
    size_t len;

    if (client->role->is_http) {
        parse_url(client->role->url, &address, &path);
        expand(target, path, client);
        expand(headers, options.headers != NULL ? options.headers : "", client);
        len = (size_t)sprintf(text, "%s %s HTTP/1.1\r\nHost: bench\r\n%s",
                              body_len > 0 ? "POST" : "GET", target, headers);
        if (options.message != NULL)
            len += (size_t)sprintf(
                text + len, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                body_len, body);
        else
            len += (size_t)sprintf(text + len, "\r\n");
        put(client, text, len);
    } else {
        put_frame(client, body, body_len);
    }
    client->unanswered++;
    client->asked_us = now_us();
    stats.sent++;
    flush(client);
}

static void turn(int wait_ms)
{
    struct epoll_event events[512];
    int count = epoll_wait(epoll_fd, events, 512, wait_ms);

    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;

        if (client->state == CONNECTING && (events[i].events & EPOLLOUT))
            on_connected(client);
        else if (client->state != DEAD && (events[i].events & EPOLLOUT))
            flush(client);
        if (client->state != DEAD && client->state != CONNECTING &&
            (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
            on_readable(client);
        else if (client->state == CONNECTING && (events[i].events & (EPOLLHUP | EPOLLERR)))
            die(client);
    }
}

/* Opens all, at most opening_max at a time; returns how long it took. */
static int64_t open_all(struct client *clients, int count)
{
    int64_t begun = now_us();

    for (int next = 0; next < count || stats.opening > 0;) {
        while (next < count && stats.opening < options.opening_max)
            start(&clients[next++]);
        turn(10);
        if (now_us() - begun > 120 * 1000000ll) {
            fprintf(stderr, "load: %d of %d open after 120 s\n", stats.open, count);
            exit(1);
        }
    }
    return now_us() - begun;
}

static int64_t run(struct client *senders)
{
    int count = options.senders.count, next = 0;
    int64_t begun = now_us(), end = begun + (int64_t)(options.seconds * 1e6), now;
    double due = 0;

    while ((now = now_us()) < end) {
        bool is_any_free = true;

        if (options.ahead > 0 &&
            stats.sent >= stats.received / (uint64_t)options.receivers.count + options.ahead) {
            turn(1);
            continue;
        }
        due = options.rate > 0 ? (double)(now - begun) * options.rate / 1e6 : 1e18;
        while (is_any_free && (double)stats.sent < due) {
            is_any_free = false;
            for (int i = 0; i < count && (double)stats.sent < due; i++, next = (next + 1) % count) {
                struct client *client = &senders[next];

                if (client->state != OPEN || client->unanswered >= options.window)
                    continue;
                send_one(client);
                is_any_free = options.ahead == 0;
                if (options.ahead > 0)
                    break;
            }
        }
        turn(options.rate > 0 ? (options.rate > 2000 ? 0 : 1) : 10);
    }
    return now_us() - begun;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static uint32_t percentile(double part)
{
    return stats.delay_count == 0 ? 0
                                  : stats.delays[(size_t)((double)(stats.delay_count - 1) * part)];
}

static void report(int64_t opened_us, int64_t ran_us)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    qsort(stats.delays, stats.delay_count, sizeof *stats.delays, compare);
    printf("{\"open_s\":%.3f,\"seconds\":%.3f,\"sent\":%llu,\"answered\":%llu,\"failed\":%llu,"
           "\"received\":%llu,\"dead\":%llu,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,\"cpu_s\":%."
           "3f}\n",
           (double)opened_us / 1e6, (double)ran_us / 1e6, (unsigned long long)stats.sent,
           (unsigned long long)stats.answered, (unsigned long long)stats.failed,
           (unsigned long long)stats.received, (unsigned long long)stats.dead, percentile(0.5),
           percentile(0.99), percentile(1),
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

static void usage(void)
{
    fputs("load --senders N --send URL [--http] [--hello TEXT]… --message TEXT --ack PREFIX\n"
          "     --receivers N --receive URL [--receive-hello TEXT]… [--hello-ok PREFIX]\n"
          "     [--header LINES] [--rate N] [--window N] [--seconds S] [--indexes N]\n"
          "     [--opening N] [--ahead N] [--hold]\n"
          "ahead: no more than N messages ahead of what every receiver has got\n"
          "hold: say when all are open, then wait for end of input\n",
          stderr);
    exit(2);
}

static void parse(int argc, char **argv)
{
    static const struct option names[] = {
        { "senders", 1, 0, 's' },
        { "send", 1, 0, 'S' },
        { "http", 0, 0, 'h' },
        { "hello", 1, 0, 'g' },
        { "message", 1, 0, 'm' },
        { "ack", 1, 0, 'a' },
        { "receivers", 1, 0, 'r' },
        { "receive", 1, 0, 'R' },
        { "receive-hello", 1, 0, 'G' },
        { "hello-ok", 1, 0, 'k' },
        { "header", 1, 0, 'H' },
        { "rate", 1, 0, 'n' },
        { "window", 1, 0, 'w' },
        { "seconds", 1, 0, 't' },
        { "indexes", 1, 0, 'i' },
        { "opening", 1, 0, 'o' },
        { "ahead", 1, 0, 'A' },
        { "hold", 0, 0, 'd' },
        { 0, 0, 0, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 's':
            options.senders.count = atoi(optarg);
            break;
        case 'S':
            options.senders.url = optarg;
            break;
        case 'h':
            options.senders.is_http = true;
            break;
        case 'g':
            options.senders.hellos[options.senders.hello_count++] = optarg;
            break;
        case 'm':
            options.message = optarg;
            break;
        case 'a':
            options.ack = optarg;
            break;
        case 'r':
            options.receivers.count = atoi(optarg);
            break;
        case 'R':
            options.receivers.url = optarg;
            break;
        case 'G':
            options.receivers.hellos[options.receivers.hello_count++] = optarg;
            break;
        case 'k':
            options.hello_ok = optarg;
            break;
        case 'H':
            options.headers = optarg;
            break;
        case 'n':
            options.rate = atof(optarg);
            break;
        case 'w':
            options.window = (uint32_t)atoi(optarg);
            break;
        case 't':
            options.seconds = atof(optarg);
            break;
        case 'i':
            options.indexes = atoi(optarg);
            break;
        case 'o':
            options.opening_max = atoi(optarg);
            break;
        case 'A':
            options.ahead = (uint32_t)atoi(optarg);
            break;
        case 'd':
            options.is_held = true;
            break;
        default:
            usage();
        }
    }
}

int main(int argc, char **argv)
{
    struct rlimit files;
    struct client *clients;
    int64_t opened_us, ran_us = 0;
    int count, settle = 0;
    uint64_t before;

    parse(argc, argv);
    count = options.senders.count + options.receivers.count;
    if (count == 0)
        usage();
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    stats.delays = malloc(DELAYS_MAX * sizeof *stats.delays);
    clients = calloc((size_t)count, sizeof *clients);
    for (int i = 0; i < count; i++) {
        bool is_receiver = i < options.receivers.count;

        clients[i].role = is_receiver ? &options.receivers : &options.senders;
        clients[i].index = is_receiver ? i : i - options.receivers.count;
    }
    opened_us = open_all(clients, count);
    if (options.is_held) {
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

        printf("{\"open\":%d,\"dead\":%llu,\"open_s\":%.3f}\n", stats.open,
               (unsigned long long)stats.dead, (double)opened_us / 1e6);
        fflush(stdout);
        while (poll(&input, 1, 0) == 0)
            turn(50);
    } else {
        ran_us = options.senders.count > 0 ? run(clients + options.receivers.count) : 0;
        /* what is on its way still counts: until nothing has come for 300 ms */
        do {
            before = stats.received + stats.answered;
            for (int i = 0; i < 30; i++)
                turn(10);
        } while (before != stats.received + stats.answered && ++settle < 100);
    }
    report(opened_us, ran_us);
    return 0;
}
