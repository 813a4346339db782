/* SPDX-License-Identifier: MIT */
#include "sio_inner.h"

#include <assert.h>

/* What apps do for a socket that takes time. */

void sio_task_begin(struct sio_socket *socket, struct sio_task *task,
                    void (*on_gone)(struct sio_task *))
{
    assert(socket->state != SIO_OVER);
    task->socket = socket;
    task->on_gone = on_gone;
    list_append(&socket->tasks, &task->node);
}

/* False: it was over already. */
static bool task_remove(struct sio_task *task)
{
    if (task->socket == NULL)
        return false;
    list_remove(&task->node);
    task->socket = NULL;
    return true;
}

void sio_task_end(struct sio_task *task)
{
    struct sio_conn *conn = task->socket != NULL ? task->socket->conn : NULL;

    if (task_remove(task) && conn != NULL)
        sio_conn_note_rest(conn);
}

void sio_tasks_end(struct sio_socket *socket)
{
    while (!list_is_empty(&socket->tasks)) {
        struct sio_task *task = LIST_ENTRY(socket->tasks.next, struct sio_task, node);

        task_remove(task);
        task->on_gone(task);
    }
}

/* Each in turn, as long as the client takes more. They may end themselves, one another, or the socket; then
 * one of them may be told twice. */
void sio_tasks_drain(struct sio_socket *socket)
{
    size_t left = 0;

    LIST_EACH (node, spare, &socket->tasks)
        left++;
    for (; left > 0 && !list_is_empty(&socket->tasks) && sio_can_take(socket); left--) {
        struct sio_task *task = LIST_ENTRY(socket->tasks.next, struct sio_task, node);

        list_remove(&task->node);
        list_append(&socket->tasks, &task->node);
        if (task->on_drain != NULL)
            task->on_drain(task);
    }
}
