/* SPDX-License-Identifier: MIT */
/* In a file of its own because <linux/tcp.h> (libc's tcp_info ends before what we need) and the libc
 * header that libuv draws in exclude each other. */
#include "ws_progress.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

uint32_t ws_progress(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t len = sizeof info;
    int unread = 0;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
        return (uint32_t)info.tcpi_bytes_acked;
    ioctl(fd, SIOCOUTQ, &unread);
    return (uint32_t)unread;
}
