/* What a harness that times packet drivers side by side is given by this one. */
#ifndef IXGBE_PEERS_H
#define IXGBE_PEERS_H

#include <stddef.h>
#include <stdint.h>

/* One shape of the data path, from port A to port B. A function that a shape does not have is NULL. */
typedef struct {
    const char *name;
    /* Brings both ports up over their BARs in plain memory, `len` bytes each (128 KiB at least, aligned to 4). Another thread
     * must answer as the devices would; DMA addresses are pointers. NULL if that fails, which stderr explains. What is
     * returned lasts until the process ends, and is for one thread at a time. */
    void *(*init)(uint8_t *bar_a, uint8_t *bar_b, size_t len);
    /* Receives up to n packets on A, beside those that are held already, and holds them: returns how many came. */
    uint32_t (*rx)(void *state, uint32_t n);
    /* Adds 1 to byte 3 of each packet held that has one. */
    void (*touch)(void *state);
    /* Sends what is held on B, as far as there is room: returns how many. The rest stays held. */
    uint32_t (*tx)(void *state);
    /* All three for up to n packets: returns how many were sent. */
    uint32_t (*fwd)(void *state, uint32_t n);
    /* The largest n. */
    uint32_t maxbatch;
} peer_ops;

/* Fills an entry for each shape, "ixgbe pool" and "ixgbe in place": `out` must have room for 2. Returns their number. */
int peers(peer_ops *out);

#endif
