// Streams payloads through a component with `i` and `o`, with seeded stalls on both sides, and checks its protocol.
// Verilator writes "__" in a name as "___05F". functions.h defines CLOCKED and CONFIGURE(top, values): how the component's held inputs are set.
#include <cstdint>
#include <cstring>
#include "Vtop.h"
#include "functions.h"

namespace {

template <class T> void put(T& port, const uint32_t* words, uint32_t count) {
    if constexpr (std::is_integral_v<T>)
        port = count > 1 ? T(words[0] | uint64_t(words[1]) << 32) : T(words[0]);
    else
        std::memcpy(&port[0], words, 4 * count);
}

template <class T> void get(const T& port, uint32_t* words, uint32_t count) {
    if constexpr (std::is_integral_v<T>) {
        words[0] = uint32_t(port);
        if (count > 1) words[1] = uint32_t(uint64_t(port) >> 32);
    } else
        std::memcpy(words, &port[0], 4 * count);
}

struct Stalls {  // xorshift; a stall in `share` of 256 clocks
    uint32_t state, share;
    bool operator()() {
        state ^= state << 13, state ^= state >> 17, state ^= state << 5;
        return (state >> 16 & 255) < share;
    }
};

}  // namespace

// Returns the outputs taken, or -1: payload or valid changed before ready, -2: more outputs than `most`.
extern "C" EXPORT int64_t stream(const uint32_t* config, const uint32_t* in, int64_t inputs, uint32_t in_words,
                                 uint32_t* out, int64_t most, uint32_t out_words, uint32_t seed, uint32_t in_share,
                                 uint32_t out_share, int64_t quiet_limit, int64_t* accepted, int64_t* offered) {
    VerilatedContext context;
    Vtop top(&context);
    Stalls in_stalls{seed * 2 + 1, in_share}, out_stalls{seed * 2654435761u + 7, out_share};
    CONFIGURE(top, config);
    uint32_t payload[64] = {}, held[64] = {};
    bool was_held = false, offering = false;
    int64_t sent = 0, taken = 0, quiet = 0;
#if CLOCKED
    top.rst = 1, top.clk = 0, top.eval(), top.clk = 1, top.eval(), top.rst = 0;
#endif
    for (int64_t clock = 0; (sent < inputs || taken < most) && quiet < quiet_limit; clock++, quiet++) {
        offering = sent < inputs && (offering || !in_stalls());  // an offer stands until it is accepted
        top.i___05Fvalid = offering;
        if (offering) put(top.i___05Fpayload, in + sent * in_words, in_words);
        top.o___05Fready = !out_stalls();
#if CLOCKED
        top.clk = 0;
#endif
        top.eval();
        if (top.o___05Fvalid) {
            get(top.o___05Fpayload, payload, out_words);
            if (was_held && std::memcmp(payload, held, 4 * out_words)) return -1;
            if (!was_held) {
                if (taken == most) return -2;
                offered[taken] = clock;
                std::memcpy(out + taken * out_words, payload, 4 * out_words);
            }
            if (top.o___05Fready) taken++, quiet = 0;
            std::memcpy(held, payload, 4 * out_words);
        } else if (was_held)
            return -1;
        was_held = top.o___05Fvalid && !top.o___05Fready;
        if (offering && top.i___05Fready) accepted[sent++] = clock, offering = false, quiet = 0;
#if CLOCKED
        top.clk = 1, top.eval();
#endif
    }
    return taken;
}
