/* SPDX-License-Identifier: MIT */
/* What is measured when it is asked for: health, the loop, the process, latencies of the store. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metrics_family.h"
#include "node.h"

const char *family_type(const char *name)
{
    size_t len = strlen(name);

    return len > 6 && strcmp(name + len - 6, "_total") == 0 ? "counter" : "gauge";
}

void family_print_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s.\n# TYPE %s %s\n", name, help, name, type);
}

static void print_name(struct buf *out, const char *name, const char *labels)
{
    buf_add_text(out, name);
    if (labels[0] != '\0')
        buf_printf(out, "{%s}", labels);
}

void sample_print(struct buf *out, const char *name, const char *labels, uint64_t value)
{
    print_name(out, name, labels);
    buf_printf(out, " %" PRIu64 "\n", value);
}

void sample_print_real(struct buf *out, const char *name, const char *labels, double value)
{
    print_name(out, name, labels);
    buf_printf(out, " %.6f\n", value);
}

static void print_real(struct buf *out, const char *name, const char *help, double value)
{
    family_print_head(out, name, family_type(name), help);
    sample_print_real(out, name, "", value);
}

static void print_whole(struct buf *out, const char *name, const char *help, uint64_t value)
{
    family_print_head(out, name, family_type(name), help);
    sample_print(out, name, "", value);
}

/* ---- the process ------------------------------------------------------------------------------ */

static uint64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long long total, resident = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Linux 6.2 and newer say it as the folder's size; counting 20,000 entries takes milliseconds. */
static uint64_t open_descriptors(void)
{
    struct stat status;
    uint64_t count = 0;
    DIR *folder;

    if (stat("/proc/self/fd", &status) == 0 && status.st_size > 0)
        return (uint64_t)status.st_size;
    folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return 0;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count - 3; /* ".", ".." and the folder itself */
}

static uint64_t max_descriptors(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void print_process(struct buf *out)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    print_whole(out, "process_resident_memory_bytes", "resident memory", resident_bytes());
    print_real(out, "process_cpu_seconds_total", "user and system time",
               seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    print_whole(out, "process_open_fds", "open descriptors", open_descriptors());
    print_whole(out, "process_max_fds", "limit of descriptors", max_descriptors());
}

/* ---- the node --------------------------------------------------------------------------------- */

/* A type is what an agent says it is, without control characters. */
static void print_rooms(struct buf *out, struct slice type, uint64_t count)
{
    buf_add_text(out, "signalbox_fleet_rooms{type=\"");
    for (size_t i = 0; i < type.len; i++) {
        if (type.data[i] == '"' || type.data[i] == '\\')
            buf_add_byte(out, '\\');
        buf_add_byte(out, type.data[i]);
    }
    buf_printf(out, "\"} %" PRIu64 "\n", count);
}

static void print_all_rooms(const struct tally *rooms, struct buf *out)
{
    struct slice type;
    uint64_t count;

    family_print_head(out, "signalbox_fleet_rooms", "gauge", "their rooms, by type");
    for (size_t at = 0; at < TALLY_NAMES_MAX; at++)
        if (tally_shown(rooms, at, &type, &count))
            print_rooms(out, type, count);
    print_rooms(out, slice_of(TALLY_OTHER), rooms->other);
}

static void print_fleet(const struct metrics *metrics, struct buf *out)
{
    static const char name[] = "signalbox_fleet_command_seconds";

    family_print_head(out, name, "summary", "time from a command's sending to its end");
    sample_print_real(out, "signalbox_fleet_command_seconds_sum", "",
                      (double)metrics->fleet_command_us / 1e6);
    sample_print(out, "signalbox_fleet_command_seconds_count", "", metrics->fleet_commands_ended);
    print_all_rooms(&metrics->fleet_rooms, out);
}

void metrics_print_node(const struct node *node, struct buf *out)
{
    char labels[80];

    snprintf(labels, sizeof labels, "version=\"%s\",node=\"%s\"", SIGNALBOX_VERSION, node->id);
    family_print_head(out, "signalbox_build_info", "gauge", "version and node id, in the labels");
    sample_print(out, "signalbox_build_info", labels, 1);
    print_whole(out, "signalbox_redis_up", "Redis answers", store_is_up(node->store));
    print_whole(out, "signalbox_inbox_healthy", "what the node sends to itself arrives",
                inbox_is_healthy(node->inbox));
    print_whole(out, "signalbox_auth_ready", "every source of credentials has been reached",
                auth_is_ready(node->auth));
    print_whole(out, "signalbox_draining", "the node is about to stop", node->is_draining);
    print_real(out, "signalbox_loop_lag_seconds", "how late the loop's last timer was",
               (double)node->metrics.loop_lag_us / 1e6);
    print_real(out, "signalbox_loop_lag_max_seconds", "the latest in the last minute",
               (double)node->metrics.loop_lag_max_us / 1e6);
    print_fleet(&node->metrics, out);
    print_process(out);
}

/* ---- operations of the store ------------------------------------------------------------------ */

static void print_results(const struct store_verb_stats *verb, const char *name, struct buf *out)
{
    char labels[128];

    for (int result = 0; result < RESULT_COUNT; result++) {
        snprintf(labels, sizeof labels, "operation=\"%s\",result=\"%s\"", verb->name,
                 result_name((enum result)result));
        sample_print(out, name, labels, verb->results[result]);
    }
}

static void print_histogram(const struct store_verb_stats *verb, struct buf *out)
{
    uint64_t total = 0;
    char labels[128];

    for (size_t i = 0; i < STORE_BUCKETS; i++) {
        total += verb->buckets[i];
        if (store_bucket_us[i] == UINT32_MAX)
            snprintf(labels, sizeof labels, "operation=\"%s\",le=\"+Inf\"", verb->name);
        else
            snprintf(labels, sizeof labels, "operation=\"%s\",le=\"%g\"", verb->name,
                     store_bucket_us[i] / 1e6);
        sample_print(out, "signalbox_store_operation_seconds_bucket", labels, total);
    }
    snprintf(labels, sizeof labels, "operation=\"%s\"", verb->name);
    sample_print_real(out, "signalbox_store_operation_seconds_sum", labels,
                      (double)verb->sum_us / 1e6);
    sample_print(out, "signalbox_store_operation_seconds_count", labels, total);
}

void metrics_print_operations(const struct store_stats *stats, struct buf *out)
{
    static const char total[] = "signalbox_store_operations_total";

    family_print_head(out, total, "counter", "operations on Redis, by result");
    for (size_t i = 0; i < stats->verb_count; i++)
        print_results(&stats->verbs[i], total, out);
    family_print_head(out, "signalbox_store_operation_seconds", "histogram",
                      "time from an operation's call to its answer");
    for (size_t i = 0; i < stats->verb_count; i++)
        print_histogram(&stats->verbs[i], out);
}
