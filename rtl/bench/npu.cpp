// Runs a program on the verilated NPU to its end: drives the command stream, answers the memory port, records what
// happens in every cycle. The memory's timing comes from outside, as functions (rtl/bench/memory.py).
// `shape.h` is generated for each design: widths and offsets of what travels through its ports (rtl/bench/shape.py).

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

#include "Vtop.h"
#include "shape.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
using Waves = VerilatedFstC;
#elif VM_TRACE_VCD
#include "verilated_vcd_c.h"
using Waves = VerilatedVcdC;
#endif

namespace {

constexpr int IDLE_CYCLES = 3;
enum Fault : int64_t { QUIET = -1, EXTRA_EVENT = -2, BEYOND_DRAM = -3, REFUSED = -4 };

using Cycles = int64_t;
using Memory = int64_t*;
using Config = const int64_t*;

// What Python fills and reads back (rtl/bench/raw.py has the same fields in the same order).
struct Job {
    const uint32_t* words;  // COMMAND_WORDS a command
    int64_t commands, execute_commands;
    const int64_t* order[EVENTS];  // commands in the order in which each event meets them
    int64_t order_length[EVENTS];
    Cycles *start, *end;
    uint8_t* dram;
    int64_t dram_bytes;
    const uint8_t* stalls;  // (cycles, 2): request port, response port
    int64_t stall_cycles;
    Memory memory;
    int64_t memory_length;
    Config config;
    bool (*offer)(Memory, Config, int64_t, Cycles, int64_t id, int64_t address, int64_t bytes);
    bool (*has_room)(Memory, Config, int64_t);
    int64_t (*pop)(Memory, Config, int64_t, Cycles);
    Cycles quiet_limit;
    int64_t* counts;
    uint64_t* hashes;  // of the probe, from cycle 1 on
    int64_t hash_capacity;
    int64_t* window;  // (cycles, PROBE_FIELDS) of a range of cycles
    Cycles window_first, window_last;
    const char* waves;
    Cycles waves_first, waves_last;
    Cycles fault_cycle;
    int64_t fault_detail;
};

// A port is an integer up to 64 bits, beyond that an array of 32-bit words.
template <typename T>
uint64_t bits(const T& port, unsigned offset, unsigned width) {
    const uint64_t mask = width == 64 ? ~uint64_t(0) : (uint64_t(1) << width) - 1;
    if constexpr (std::is_integral_v<T>) {
        return (uint64_t(port) >> offset) & mask;
    } else {
        const unsigned word = offset / 32, shift = offset % 32;
        uint64_t value = uint64_t(port[word]) >> shift;
        for (unsigned got = 32 - shift, next = word + 1; got < width; got += 32, next++) {
            value |= uint64_t(port[next]) << got;
        }
        return value & mask;
    }
}

template <typename T>
void set_bits(T& port, unsigned offset, unsigned width, uint64_t value) {
    for (unsigned done = 0; done < width;) {
        const unsigned at = offset + done, word = at / 32, shift = at % 32;
        const unsigned step = std::min(32 - shift, width - done);
        const uint32_t mask = (step == 32 ? ~uint32_t(0) : (uint32_t(1) << step) - 1) << shift;
        const uint32_t part = (uint32_t(value >> done) << shift) & mask;
        if constexpr (std::is_integral_v<T>) {
            const uint64_t kept = uint64_t(port) & ~(uint64_t(mask) << (32 * word));
            port = T(kept | (uint64_t(part) << (32 * word)));
        } else {
            port[word] = (port[word] & ~mask) | part;
        }
        done += step;
    }
}

// Whole words from `offset` on.
template <typename T>
void set_words(T& port, unsigned offset, const uint32_t* words, unsigned count) {
    if constexpr (std::is_integral_v<T>) {
        for (unsigned i = 0; i < count; i++) set_bits(port, offset + 32 * i, 32, words[i]);
    } else {
        const unsigned at = offset / 32, shift = offset % 32;
        const uint32_t below = (uint32_t(1) << shift) - 1;
        uint64_t carry = port[at] & below;
        for (unsigned i = 0; i < count; i++, carry >>= 32) port[at + i] = uint32_t(carry |= uint64_t(words[i]) << shift);
        if (shift) port[at + count] = (port[at + count] & ~below) | uint32_t(carry);
    }
}

struct Bench {
    Job& job;
    VerilatedContext context;
    Vtop top{&context};
    int64_t cycle = 0, pushed = 0, ended = 0, quiet = 0, fault = 0, in_flight = 0;
    bool room = true, asked = true;
    int64_t seen[EVENTS] = {};
    int64_t address_of[1 << RESPONSE_ID_WIDTH] = {};
    uint64_t hash = 0xCBF29CE484222325u;
#if VM_TRACE
    std::unique_ptr<Waves> waves;
#endif

    explicit Bench(Job& given) : job(given) {}

    void evaluate(bool clock) {
        top.clk = clock;
        top.eval();
#if VM_TRACE
        // Cycle t is drawn from 10 t to 10 (t + 1): inputs change at 10 t + 5, registers at its end.
        if (waves && cycle >= job.waves_first && cycle < job.waves_last) waves->dump(uint64_t(10 * cycle + (clock ? 10 : 5)));
#endif
    }

    void open_waves() {
#if VM_TRACE
        if (!job.waves) return;
        context.traceEverOn(true);
        waves.reset(new Waves);
        top.trace(waves.get(), 99);
        waves->open(job.waves);
#endif
    }

    // Cycle 0 is that of the first command, whenever the host comes with it: here some cycles after the reset.
    void reset() {
        cycle = INT64_MIN;
        top.execute_commands = job.execute_commands;
        top.rst = 1;
        for (int i = 0; i < 2; i++) evaluate(false), evaluate(true);
        top.rst = 0;
        for (int i = 0; i < IDLE_CYCLES; i++) evaluate(false), evaluate(true);
        cycle = 0;
    }

    bool stalled(int port) const { return cycle < job.stall_cycles && job.stalls[2 * cycle + port]; }

    void offer_command() {
        top.command__valid = pushed < job.commands;
        if (pushed == job.commands) return;
        const uint32_t* word = job.words + pushed * COMMAND_WORDS;
        for (unsigned i = 0; i < COMMAND_WORDS; i++) {
            set_bits(top.command__payload, 32 * i, std::min(32u, COMMAND_WIDTH - 32 * i), word[i]);
        }
    }

    void fail(Fault what, int64_t detail) {
        if (!fault) fault = what, job.fault_cycle = cycle, job.fault_detail = detail;
    }

    // The aligned window of a burst; what lies beyond the DRAM's end reads as 0.
    void read_window(int64_t address) {
        const int64_t first = address & -int64_t(BURST_BYTES);
        uint32_t window[(BURST_BYTES + 3) / 4] = {};
        const int64_t held = std::min<int64_t>(BURST_BYTES, job.dram_bytes - first);
        if (held > 0) memcpy(window, job.dram + first, held);
        set_words(top.response__payload, RESPONSE_DATA, window, BURST_BYTES / 4);
        if (BURST_BYTES % 4) set_bits(top.response__payload, RESPONSE_DATA, 8 * (BURST_BYTES % 4), window[0]);
    }

    void respond() {
        top.response__valid = 0;
        if (stalled(1) || !in_flight) return;
        const int64_t id = job.pop(job.memory, job.config, job.memory_length, cycle);
        if (id < 0) return;
        quiet = 0, in_flight--;
        top.response__valid = 1;
        set_bits(top.response__payload, RESPONSE_ID, RESPONSE_ID_WIDTH, id);
        if (address_of[id] >= 0) read_window(address_of[id]);
    }

    void write(int64_t address) {
        const auto& request = top.request__payload;
        const int64_t first = address & -int64_t(BURST_BYTES);
        for (unsigned i = 0; i < BURST_BYTES; i++) {
            if (!bits(request, REQUEST_MASK + i, 1)) continue;
            if (first + i >= job.dram_bytes) return fail(BEYOND_DRAM, first + i);
            job.dram[first + i] = bits(request, REQUEST_DATA + 8 * i, 8);
        }
    }

    void take_request() {
        if (!(top.request__valid && top.request__ready)) return;
        const auto& request = top.request__payload;
        const int64_t address = bits(request, REQUEST_ADDRESS, REQUEST_ADDRESS_WIDTH);
        const int64_t size = bits(request, REQUEST_BEATS, REQUEST_BEATS_WIDTH) * BUS_BYTES;
        const int64_t id = bits(request, REQUEST_ID, REQUEST_ID_WIDTH);
        const bool is_write = bits(request, REQUEST_WRITE, 1);
        quiet = 0;
        if (is_write) write(address);
        else if (address >= job.dram_bytes) fail(BEYOND_DRAM, address);
        address_of[id] = is_write ? -1 : address;
        if (job.offer(job.memory, job.config, job.memory_length, cycle, id, address, size)) in_flight++;
        else fail(REFUSED, id);
    }

    void note_events() {
        for (unsigned event = 0, left = top.events; left; event++, left >>= 1) {
            if (!(left & 1)) continue;
            quiet = 0;
            if (seen[event] == job.order_length[event]) return fail(EXTRA_EVENT, event);
            const int64_t index = job.order[event][seen[event]++];
            (event < START_EVENTS ? job.start : job.end)[index] = cycle;
            ended += event >= START_EVENTS;
        }
    }

#if PROBE_FIELDS
    // Registers as of the cycle's beginning: what cycle - 1 left.
    void probe() {
        if (cycle == 0) return;
        const bool record = cycle >= job.window_first && cycle < job.window_last;
        const bool hashing = job.hashes && cycle <= job.hash_capacity;
        if (!record && !hashing) return;
        for (unsigned i = 0; i < PROBE_FIELDS; i++) {
            const unsigned width = PROBE_WIDTH[i];
            uint64_t value = bits(top.probe, PROBE_OFFSET[i], width);
            if (PROBE_SIGNED[i] && width < 64 && (value >> (width - 1))) value |= ~uint64_t(0) << width;
            if (hashing) hash = (hash ^ value) * 0x100000001B3u;
            if (record) job.window[(cycle - job.window_first) * PROBE_FIELDS + i] = int64_t(value);
        }
        if (hashing) job.hashes[cycle - 1] = hash;
    }
#else
    void probe() {}
#endif

    // One cycle up to its rising edge: everything the machine decides on is settled, nothing has moved.
    // With nothing in flight, in the last cycle neither, the memory stands still: it is not asked again.
    void settle() {
        if (asked || in_flight) room = job.has_room(job.memory, job.config, job.memory_length);
        asked = in_flight;
        respond();
        top.request__ready = room && !stalled(0);
        evaluate(false);
    }

    int64_t run() {
        open_waves();
        reset();
        offer_command();
        for (;; cycle++) {
            settle();
            probe();
            if (ended == job.commands) break;  // the cycle after the last end: counters are final
            note_events();
            take_request();
            const bool push = top.command__valid && top.command__ready;
            if (fault || ++quiet > job.quiet_limit) {
                if (!fault) fail(QUIET, ended);
                break;
            }
            evaluate(true);
            if (push) quiet = 0, pushed++, offer_command();
        }
        for (unsigned i = 0; i < COUNTERS; i++) job.counts[i] = bits(top.counters, i * COUNTER_WIDTH, COUNTER_WIDTH);
#if VM_TRACE
        if (waves) waves->close();
#endif
        return fault ? fault : cycle - 1;
    }
};

}  // namespace

extern "C" EXPORT int64_t run_program(Job* job) { return std::make_unique<Bench>(*job)->run(); }
