/* SPDX-License-Identifier: MIT */
#ifndef SB_BASE_LIST_H
#define SB_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Intrusive doubly linked list, circular through its head. A node that is in no list points to
 * itself after list_init() or list_remove(), so removing it again does nothing.
 */
struct list {
    struct list *next, *prev;
};

#define LIST_ENTRY(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

/* `item` may be removed (and freed) inside the loop; no other item may. */
#define LIST_EACH(node, spare, head)                                                               \
    for (struct list *node = (head)->next, *spare = node->next; node != (head);                    \
         node = spare, spare = node->next)

static inline void list_init(struct list *list)
{
    list->next = list->prev = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_append(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Moves everything in `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
