/* Intrusive doubly linked list with a sentinel: put a struct list_node into the element. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *prev, *next;
};

struct list {
    struct list_node head;
};

static inline void list_init(struct list *l) { l->head.prev = l->head.next = &l->head; }
static inline bool list_is_empty(const struct list *l) { return l->head.next == &l->head; }

static inline void list_insert_before(struct list_node *at, struct list_node *n)
{
    n->prev = at->prev;
    n->next = at;
    at->prev->next = n;
    at->prev = n;
}

static inline void list_push_back(struct list *l, struct list_node *n)
{
    list_insert_before(&l->head, n);
}

static inline void list_push_front(struct list *l, struct list_node *n)
{
    list_insert_before(l->head.next, n);
}

/* Leaves n unlinked (null pointers), so that list_is_linked tells. */
static inline void list_remove(struct list_node *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->prev = n->next = NULL;
}

static inline bool list_is_linked(const struct list_node *n) { return n->next != NULL; }

static inline struct list_node *list_front(const struct list *l)
{
    return list_is_empty(l) ? NULL : l->head.next;
}

static inline struct list_node *list_pop_front(struct list *l)
{
    struct list_node *n = list_front(l);
    if (n != NULL) {
        list_remove(n);
    }
    return n;
}

/* Moves all of from to the end of to. */
static inline void list_splice_back(struct list *to, struct list *from)
{
    if (list_is_empty(from)) {
        return;
    }
    from->head.next->prev = to->head.prev;
    to->head.prev->next = from->head.next;
    from->head.prev->next = &to->head;
    to->head.prev = from->head.prev;
    list_init(from);
}

#define LIST_ENTRY(node, type, member) CONTAINER_OF(node, type, member)

/* The current element may be removed inside the loop. */
#define LIST_EACH(l, node, tmp)                                                                    \
    for (struct list_node *node = (l)->head.next, *tmp = node->next; node != &(l)->head;           \
         node = tmp, tmp = tmp->next)

#endif
