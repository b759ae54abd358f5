/* Shows that the peer works: brings up every shape over plain memory, plays the rings, and checks every packet.
 *
 * Usage: harness LIBRARY */

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peers.h"

#define BAR_LEN 0x20000
#define FRAME 60
#define PACKETS 20000

/* Offsets and bits of datasheet 8.2. */
enum {
    CTRL = 0x00000, EEC = 0x10010, RDRXCTL = 0x02F00, SECRXSTAT = 0x08D04, LINKS = 0x042A4,
    RX = 0x01000, TX = 0x06000, /* of queue 0: base, base high, length, and the tail behind them */
    LEN = 0x08, TAIL = 0x18,
};

static void fail(const char *what)
{
    fprintf(stderr, "harness: %s\n", what);
    exit(1);
}

static _Atomic uint32_t *reg(uint8_t *bar, uint32_t offset)
{
    return (_Atomic uint32_t *)(bar + offset);
}

/* Does what a device does by itself while it is brought up. */
static atomic_bool up;

static void *answer(void *bars)
{
    while (!atomic_load(&up)) {
        for (int port = 0; port < 2; port++) {
            uint8_t *bar = ((uint8_t **)bars)[port];
            atomic_fetch_and(reg(bar, CTRL), ~(1u << 3 | 1u << 26)); /* both resets are over */
            atomic_fetch_or(reg(bar, EEC), 1u << 8 | 1u << 9);       /* an EEPROM, and it was read */
            atomic_fetch_or(reg(bar, RDRXCTL), 1u << 3);             /* DMA is ready */
            atomic_fetch_or(reg(bar, SECRXSTAT), 1u);                /* the receive path is idle */
            atomic_store(reg(bar, LINKS), 1u << 30 | 3u << 28);      /* up, with 10 Gbit/s */
        }
    }
    return NULL;
}

typedef struct {
    _Atomic uint64_t word[2];
} descriptor;

/* One ring as the device sees it. */
typedef struct {
    uint8_t *bar;
    uint32_t block, next;
} ring;

static uint32_t ring_len(const ring *ring)
{
    return *reg(ring->bar, ring->block + LEN) / sizeof(descriptor);
}

static descriptor *at(const ring *ring)
{
    uint64_t base = (uint64_t)*reg(ring->bar, ring->block + 4) << 32 | *reg(ring->bar, ring->block);
    return (descriptor *)(uintptr_t)base + ring->next;
}

static int is_at_tail(const ring *ring)
{
    return ring->next == *reg(ring->bar, ring->block + TAIL);
}

static void advance(ring *ring)
{
    ring->next = (ring->next + 1) % ring_len(ring);
}

static void make_frame(uint8_t *frame, uint32_t number)
{
    for (uint32_t i = 0; i < FRAME; i++)
        frame[i] = (uint8_t)(number * 31 + i * 7);
    memcpy(frame + 14, &number, sizeof number);
}

static void arrive(ring *rx, uint32_t number)
{
    if (is_at_tail(rx))
        fail("there is no buffer to receive into");
    descriptor *descriptor = at(rx);
    make_frame((uint8_t *)(uintptr_t)descriptor->word[0], number);
    atomic_store(&descriptor->word[1], (uint64_t)FRAME << 32 | 3); /* EOP, DD */
    advance(rx);
}

static void leave(ring *tx, uint32_t number)
{
    if (is_at_tail(tx))
        fail("a packet was lost");
    descriptor *descriptor = at(tx);
    uint64_t control = atomic_load(&descriptor->word[1]);
    uint8_t expected[FRAME];
    make_frame(expected, number);
    expected[3]++;
    if ((control & 0xffff) != FRAME || memcmp((uint8_t *)(uintptr_t)descriptor->word[0], expected, FRAME) != 0)
        fail("a packet is wrong");
    if (control & 1u << 27)
        atomic_store(&descriptor->word[1], 1ull << 32); /* RS asks for DD */
    advance(tx);
}

/* Receives, touches and sends by single calls, some packets in two calls. */
static uint32_t by_steps(const peer_ops *ops, void *state, uint32_t n)
{
    uint32_t first = n / 3, came = ops->rx(state, first);
    came += ops->rx(state, n - first);
    if (came != n)
        fail("rx returned another number than there were packets");
    ops->touch(state);
    return ops->tx(state);
}

static void check(const peer_ops *ops, int steps)
{
    uint8_t *bars[2];
    for (int port = 0; port < 2; port++) {
        bars[port] = aligned_alloc(4096, BAR_LEN);
        if (!bars[port])
            fail("no memory");
        memset(bars[port], 0, BAR_LEN);
    }
    pthread_t thread;
    atomic_store(&up, 0);
    if (pthread_create(&thread, NULL, answer, bars) != 0)
        fail("no thread");
    void *state = ops->init(bars[0], bars[1], BAR_LEN);
    atomic_store(&up, 1);
    pthread_join(thread, NULL);
    if (!state)
        fail("init failed");
    ring rx = { bars[0], RX, 0 }, tx = { bars[1], TX, 0 };
    uint32_t number = 0;
    for (uint32_t round = 0; number < PACKETS; round++) {
        static const uint32_t sizes[] = { 1, 8, 32, 64, 256, 3, 31, 33, 255 };
        uint32_t n = sizes[round / 16 % 9];
        if (n > ops->maxbatch)
            n = ops->maxbatch;
        for (uint32_t i = 0; i < n; i++)
            arrive(&rx, number + i);
        uint32_t sent = steps ? by_steps(ops, state, n) : ops->fwd(state, n);
        if (sent != n)
            fail("another number was sent than came");
        for (uint32_t i = 0; i < n; i++)
            leave(&tx, number + i);
        if (!is_at_tail(&tx))
            fail("more was sent than came");
        number += n;
    }
    if (ops->fwd(state, 32) != 0)
        fail("something was sent, and nothing came");
    printf("%s, %s: %u packets forwarded and checked\n", ops->name, steps ? "rx, touch, tx" : "fwd", number);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        fail("which library?");
    void *library = dlopen(argv[1], RTLD_NOW);
    if (!library)
        fail(dlerror());
    int (*peers)(peer_ops *) = (int (*)(peer_ops *))dlsym(library, "peers");
    if (!peers)
        fail("the library has no function `peers`");
    peer_ops ops[2];
    int count = peers(ops);
    if (count != 2)
        fail("there are two shapes");
    for (int i = 0; i < count; i++) {
        check(&ops[i], 0);
        if (ops[i].rx && ops[i].touch && ops[i].tx)
            check(&ops[i], 1);
    }
    /* What cannot be brought up is told. */
    if (ops[0].init(NULL, NULL, BAR_LEN) || ops[1].init(NULL, NULL, BAR_LEN))
        fail("there was no BAR, and init succeeded");
    return 0;
}
