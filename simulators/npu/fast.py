"""The `fast` fidelity: a layer's cycles from sums and maxima over its tiles, without a command or an event.

Each tile has a cost on each engine in closed form (docs/npu.md gives the durations); tiles meet through the buffers'
slots. Every term is at most what `cycle` spends, so the result never exceeds it; where no command waits the two are
equal. What it leaves out: unaligned lines, store traffic in the way of loads, commands in the queues.
"""

from __future__ import annotations

import numpy as np

from simulators.kernels import kernel
from simulators.npu.config import IS, OS, PARAMETER_BITS, C
from simulators.npu.emit import tile_at
from simulators.npu.placement import weight_block_bytes
from simulators.npu.plan import EVERY, FENCED, LATE, MATRIX, MOVE, G
from simulators.npu.tiles import ceil_div, folds_of, input_extent, part, pixel_tile, pixel_tiles
from simulators.program import DEPTHWISE, PARAMETER_NONE, PARAMETER_WORDS, REQUANTIZE

_ROWS, _COLS, _FLOW, _SHADOW, _OVERLAP = C["rows"], C["cols"], C["dataflow"], C["shadow"], C["overlap"]
_SKEW_ROWS, _SKEW_COLS = C["skew_rows"], C["skew_cols"]
_DRAIN, _SERIAL, _IM2COL, _PE = C["drain"], C["serializer"], C["im2col"], C["pe_latency"]
_OPERAND, _ACC, _VLATENCY, _SP = (
    C["operand_latency"],
    C["accumulator_latency"],
    C["vector_latency"],
    C["scratchpad_latency"],
)
_BUS, _BURST, _OUTSTANDING, _LANES = C["bus_bytes"], C["burst_bytes"], C["outstanding"], C["lanes"]
_WBITS = C["weight_bits"]
_NUM, _DEN, _RATE, _LATENCY, _ABITS = (
    C["ratio_num"],
    C["ratio_den"],
    C["bytes_per_cycle"],
    C["memory_latency"],
    C["activation_bits"],
)
(_KIND, _BATCH, _IN_H, _IN_W, _IN_C, _OUT_H, _OUT_W, _OUT_C) = (
    G[k] for k in ("kind", "batch", "in_h", "in_w", "in_c", "out_h", "out_w", "out_c")
)
(_KH, _KW, _SH, _SW, _DH, _DW, _PT, _PL) = (G[k] for k in ("kh", "kw", "sh", "sw", "dh", "dw", "pt", "pl"))
(_GROUPS, _CC, _N, _TN, _TC) = (G[k] for k in ("groups", "c", "n", "tn", "tc"))
(_OPERANDS, _FUNCTION, _RESIDENT, _FUSED, _GPMODE) = (
    G[k] for k in ("operands", "function", "resident", "fused", "parameter_mode")
)
_LOADS, _BIAS, _STORE_C = G["loads"], G["bias"], G["store_c"]
(_ASLOTS, _OSLOTS, _WSLOTS, _XSLOTS, _PSLOTS) = (
    G[k] for k in ("a_slots", "o_slots", "w_slots", "acc_slots", "p_slots")
)

# Totals that `estimate` returns.
CYCLES, LOAD_BYTES, STORE_BYTES, LOADED, WEIGHTS_LOADED, SUM_READS, SUM_WRITES = range(7)
TOTALS = 7
_SLOTS = 2

# Engine times of the recurrence.
(_L_ISSUE, _L_READY, _M_START, _A_FREE, _V_FREE, _S_FREE, _END, _MEMORY, _L_MEMORY, _L_ENTRIES, _S_ENTRIES, _X_END) = (
    range(12)
)
TIMES = 12


@kernel
def _machine_cycles(config, edges):
    """Return the machine cycles that some memory clocks span, rounded down."""
    return edges * config[_DEN] // config[_NUM]


@kernel
def _run_cost(config, runs, run_bytes):
    """Return (requests, beats, memory clocks) of some equal contiguous runs, aligned as well as can be."""
    if runs <= 0 or run_bytes <= 0:
        return 0, 0, 0
    whole, rest = run_bytes // config[_BURST], run_bytes % config[_BURST]
    requests = whole + (1 if rest else 0)
    beats = ceil_div(run_bytes, config[_BUS])
    each, tail = ceil_div(config[_BURST], config[_RATE]), ceil_div(rest, config[_BUS]) * config[_BUS]
    clocks = whole * each + ceil_div(tail, config[_RATE])
    if whole:  # a run that starts inside a burst may need fewer clocks: two parts of a burst and a rest
        clocks = min(clocks, (whole - 1) * each + ceil_div(config[_BURST] + tail, config[_RATE]))
    return runs * requests, runs * beats, runs * clocks


@kernel
def _tile_load(config, g, m, k):
    """Return (entries, beats, memory clocks, bytes, elements, requests) of the activation tile's loads and fills."""
    _, oy, ox, images, th, tw = pixel_tile(g, m)
    tc = part(g[_CC], g[_TC], k)
    height, width = input_extent(th, g[_SH], g[_DH], g[_KH]), input_extent(tw, g[_SW], g[_DW], g[_KW])
    y0, x0 = oy * g[_SH] - g[_PT], ox * g[_SW] - g[_PL]
    rows = height - max(0, -y0) - max(0, y0 + height - g[_IN_H])
    columns = width - max(0, -x0) - max(0, x0 + width - g[_IN_W])
    times, bits = images * g[_OPERANDS], config[_ABITS]
    elements = height * width * tc
    if rows <= 0 or columns <= 0:
        beats = ceil_div(elements * bits, 8 * config[_BUS])
        return times, times * beats, 0, 0, times * elements, 0
    pixel = (g[_IN_C] * bits + 7) // 8
    runs, run = rows * columns, (tc * bits + 7) // 8
    if tc == g[_IN_C] and pixel * 8 == tc * bits:
        runs, run = rows, columns * pixel
        if columns == g[_IN_W] and columns == width:
            runs, run = 1, rows * columns * pixel
    requests, beats, clocks = _run_cost(config, runs, run)
    padding = (elements - rows * columns * tc) * bits // (8 * config[_BUS])
    sides = (1 if -x0 > 0 else 0) + (1 if x0 + width > g[_IN_W] else 0)
    ends = (1 if -y0 > 0 else 0) + (1 if y0 + height > g[_IN_H] else 0)
    entries = requests + sides * rows + ends
    drained = beats + max(padding, sides * rows + ends)
    return (times * entries, times * drained, times * clocks, times * beats * config[_BUS], times * elements,
            times * requests)  # fmt: skip


@kernel
def _hold(config):
    """Return the least cycles that a request keeps its entry: service, latency, response, one beat."""
    return _machine_cycles(config, config[_LATENCY] + 1) + 2


@kernel
def _load(config, now, totals, cost, free):
    """Put a load on its engine: issue after the one before and once its slot is free; return when it is visible."""
    entries, beats, clocks, size, _, requests = cost
    issue = max(now[_L_ISSUE], free)
    ready = max(now[_L_READY], issue) + beats
    issued = issue + entries
    if size > 0:
        cycles, hold = _machine_cycles(config, clocks), _hold(config)
        now[_L_ENTRIES] = max(now[_L_ENTRIES], issue * config[_OUTSTANDING]) + requests * hold
        served = now[_L_ENTRIES] // config[_OUTSTANDING] - 1
        now[_L_MEMORY] = max(now[_L_MEMORY], issue) + cycles
        now[_MEMORY] += cycles
        ready = max(ready, now[_L_MEMORY] + _machine_cycles(config, config[_LATENCY]) + 1, served)
        issued = max(issued, served - hold, now[_L_MEMORY] - cycles)
    now[_L_ISSUE], now[_L_READY] = issued, ready
    totals[LOAD_BYTES] += size
    return ready + 1


@kernel
def _weights_cost(config, bytes_, bits):
    requests, beats, clocks = _run_cost(config, 1, bytes_)
    return requests, beats, clocks, beats * config[_BUS], bytes_ * 8 // bits, requests


@kernel
def _array_period(config, steps):
    """Return the cycles from one fold's first vector to the next's."""
    if not config[_OVERLAP]:
        rest = config[_OPERAND] + config[_SKEW_COLS] + config[_PE] - 1
        rest += config[_SERIAL] + config[_SKEW_ROWS] + config[_ACC]
        stationary = 0 if config[_FLOW] == OS else config[_ROWS]
        return stationary + steps + rest + config[_DRAIN]
    if config[_FLOW] == OS:
        return steps + config[_DRAIN]
    if config[_SHADOW]:
        return max(steps, config[_ROWS] + 1)
    return steps + config[_ROWS]


@kernel
def _array(config, g, now, totals, tile, ready):
    """Put a tile's folds on the array; return (end of folds, end of preloads).

    ready: (activations, weights, sums' slot).
    """
    pixels, tc, outputs, k = tile
    f0, f1 = folds_of(config, g, pixels, tc, outputs)
    folds, steps = f0 * f1, pixels
    if config[_FLOW] == OS:
        steps = g[_KH] * g[_KW] * (ceil_div(tc, config[_ROWS]) * config[_ROWS] if config[_SERIAL] else tc)
    elif config[_FLOW] == IS:
        steps = outputs
    stay, stream = (ready[0], ready[1]) if config[_FLOW] == IS else (ready[1], ready[0])
    begin, preload = max(now[_A_FREE], stream, ready[2]), np.int64(0)
    rest = config[_OPERAND] + config[_SKEW_COLS]
    drained = steps - 1 + rest + config[_PE] - 1 + config[_SERIAL] + config[_SKEW_ROWS] + config[_ACC] + config[_DRAIN]
    if config[_FLOW] == OS:
        begin = max(begin, stay)
        if not config[_OVERLAP]:
            begin = max(begin, now[_X_END] + 1)
    else:
        preload = max(stay, now[_M_START] + 1) if config[_SHADOW] else max(stay, now[_A_FREE])
        if not config[_OVERLAP]:
            preload = max(preload, now[_X_END] + 1)
        begin = max(begin, preload + config[_ROWS])
    period = _array_period(config, steps)
    last = begin + (folds - 1) * period
    if folds > 1:
        preload = last - period + 1 if config[_SHADOW] and config[_OVERLAP] else last - config[_ROWS]
    now[_M_START] = last
    now[_A_FREE] = last + steps + config[_DRAIN]
    end = last + drained
    now[_X_END] = end
    now[_END] = max(now[_END], end)
    words = pixels * outputs if config[_FLOW] == OS else f0 * pixels * outputs
    totals[SUM_WRITES] += words
    totals[SUM_READS] += words if k > 0 else (0 if config[_FLOW] == OS else (f0 - 1) * pixels * outputs)
    return end, preload + config[_ROWS] - 1 + rest


@kernel
def _vector_cycles(config, functions, positions, channels, taps, function):
    """Return the cycles of one vector command, start to end."""
    return (
        positions * ceil_div(channels, config[_LANES]) * taps * functions[function, 1]
        + config[_VLATENCY]
        + functions[function, 0]
    )


@kernel
def _finish(config, functions, g, codes, now, totals, pixels, channels, work, ready):
    """Put a tile's vector work and store on their engines; return (end of the sums' use, end of the store)."""
    begin = max(now[_V_FREE], ready)
    sums = begin + work - 1
    end = sums
    for i in range(g[_FUSED]):
        end += _vector_cycles(config, functions, pixels, channels, 1, codes[i])
    now[_V_FREE] = end + 1
    return (end if g[_FUSED] else sums), _store(config, g, now, totals, pixels, channels, end + 1)


@kernel
def _store(config, g, now, totals, pixels, channels, ready):
    """Put a tile's store on its engine; return its end."""
    pixel = (channels * config[_ABITS] + 7) // 8
    if 0 < g[_STORE_C] < channels:
        whole, rest = channels // g[_STORE_C], channels % g[_STORE_C]
        requests, beats, clocks = _run_cost(config, pixels * whole, (g[_STORE_C] * config[_ABITS] + 7) // 8)
        more = _run_cost(config, pixels, (rest * config[_ABITS] + 7) // 8)
        requests, beats, clocks = requests + more[0], beats + more[1], clocks + more[2]
    elif channels == g[_OUT_C]:
        requests, beats, clocks = _run_cost(config, 1, pixels * pixel)
    else:
        requests, beats, clocks = _run_cost(config, pixels, pixel)
    begin = max(now[_S_FREE], ready)
    now[_S_FREE] = begin + beats + requests * config[_SP]
    cycles = _machine_cycles(config, clocks)
    now[_MEMORY] += cycles
    hold = _hold(config) - 1
    now[_S_ENTRIES] = max(now[_S_ENTRIES], begin * config[_OUTSTANDING]) + requests * hold
    end = max(now[_S_FREE] - 1 + hold, begin + cycles + hold - 1, now[_S_ENTRIES] // config[_OUTSTANDING])
    totals[STORE_BYTES] += beats * config[_BUS]
    now[_END] = max(now[_END], end)
    return end


@kernel
def _requantize_work(config, functions, pixels, outputs):
    """Return the cycles of a tile's requantize commands."""
    lanes_of, positions = (pixels, outputs) if config[_FLOW] == IS else (outputs, pixels)
    folds = ceil_div(lanes_of, config[_COLS])
    rest = part(lanes_of, config[_COLS], folds - 1)
    return ((folds - 1) * _vector_cycles(config, functions, positions, config[_COLS], 1, REQUANTIZE)
            + _vector_cycles(config, functions, positions, rest, 1, REQUANTIZE))  # fmt: skip


@kernel
def _load_biases(config, g, now, totals, tile, free):
    """Put a tile's rows of biases on the load engine; return when the array may begin. tile: (pixels, outputs)."""
    pixels, outputs = tile
    requests, beats, clocks = _run_cost(config, pixels, outputs * (PARAMETER_BITS // 8))
    cost = requests, beats, clocks, beats * config[_BUS], pixels * outputs, requests
    return _load(config, now, totals, cost, max(free, now[_X_END] + 1) if g[_BIAS] == FENCED else free)


@kernel
def _tile_ids(group, m, n, k):
    return (group * (1 << 20) + m) * (1 << 12) + k, (group * (1 << 20) + n) * (1 << 12) + k


@kernel
def _matrix_tiles(config, functions, g, codes, now, totals, free, best):
    """The recurrence over tiles of a matrix layer. free: (5, slots) when each slot of each buffer is free."""
    b, y, x = pixel_tiles(g)
    m_tiles, n_tiles, k_tiles = b * y * x, ceil_div(g[_N], g[_TN]), ceil_div(g[_CC], g[_TC])
    a_loads = w_loads = p_loads = 0
    a_id = w_id = p_id = np.int64(-1)
    a_ready = w_ready = p_ready = np.int64(1)
    moves = not g[_RESIDENT]
    for i in range(g[_GROUPS] * m_tiles * n_tiles):
        group, m, n = tile_at(g, m_tiles, n_tiles, i)
        _, _, _, images, th, tw = pixel_tile(g, m)
        pixels, outputs = images * th * tw, part(g[_N], g[_TN], n)
        x_slot, o_slot = i % g[_XSLOTS], i % g[_OSLOTS]
        end, sums_free = np.int64(0), free[2, x_slot]
        for k in range(k_tiles):
            this_a, this_w = _tile_ids(group, m, n, k)
            this_p = group * (1 << 20) + n
            biased = moves and k == 0 and g[_BIAS] != LATE
            fenced = biased and (g[_BIAS] == FENCED or g[_XSLOTS] == 1)
            for ahead in (True, False):  # loads into two slots go out before those into one (`emit._load_step`)
                if biased and fenced != ahead:
                    sums_free = _load_biases(config, g, now, totals, (pixels, outputs), sums_free)
                if moves and (this_a != a_id or g[_LOADS] == EVERY) and (g[_ASLOTS] > 1 and not fenced) == ahead:
                    cost = _tile_load(config, g, m, k)
                    a_ready = _load(config, now, totals, cost, free[0, a_loads % g[_ASLOTS]])
                    totals[LOADED] += cost[4]
                    a_id, a_loads = this_a, a_loads + 1
                if moves and (this_w != w_id or g[_LOADS] == EVERY) and (g[_WSLOTS] > 1 and not fenced) == ahead:
                    cost = _weights_cost(config, weight_block_bytes(config, g, n, k), config[_WBITS])
                    w_ready = _load(config, now, totals, cost, free[1, w_loads % g[_WSLOTS]])
                    totals[WEIGHTS_LOADED] += cost[4]
                    w_id, w_loads = this_w, w_loads + 1
                if moves and k == k_tiles - 1 and this_p != p_id and (g[_PSLOTS] > 1) == ahead:
                    cost = _weights_cost(config, outputs * PARAMETER_WORDS * (PARAMETER_BITS // 8), PARAMETER_BITS)
                    p_ready = _load(config, now, totals, cost, free[4, p_loads % g[_PSLOTS]])
                    p_id, p_loads = this_p, p_loads + 1
            tile = (pixels, part(g[_CC], g[_TC], k), outputs, k)
            end, stay = _array(config, g, now, totals, tile, (a_ready, w_ready, sums_free if k == 0 else 0))
            if moves:
                exchanged = config[_FLOW] == IS
                free[0, (a_loads - 1) % g[_ASLOTS]] = (stay if exchanged else end) + 1
                free[1, (w_loads - 1) % g[_WSLOTS]] = (stay if config[_FLOW] == 0 else end) + 1
        if g[_RESIDENT]:
            continue
        work = _requantize_work(config, functions, pixels, outputs)
        ready = max(end + 1, p_ready, free[3, o_slot])
        sums, stored = _finish(config, functions, g, codes, now, totals, pixels, outputs, work, ready)
        free[2, x_slot], free[3, o_slot], free[4, (p_loads - 1) % g[_PSLOTS]] = sums + 1, stored + 1, sums + 1
        if now[_END] >= best:
            return


@kernel
def _vector_tiles(config, functions, g, codes, now, totals, free, best):
    """The recurrence over tiles of a vector layer or a copy."""
    b, y, x = pixel_tiles(g)
    m_tiles, loads = b * y * x, 0
    taps = g[_OPERANDS] if g[_OPERANDS] > 1 else g[_KH] * g[_KW]
    p_ready = np.int64(1)
    for k in range(ceil_div(g[_CC], g[_TC])):
        tc = part(g[_CC], g[_TC], k)
        for m in range(m_tiles):
            _, _, _, images, th, tw = pixel_tile(g, m)
            pixels, slot, o_slot = images * th * tw, loads % g[_ASLOTS], loads % g[_OSLOTS]
            cost = _tile_load(config, g, m, k)
            ready = _load(config, now, totals, cost, free[0, slot])
            totals[LOADED] += cost[4]
            loads += 1
            if g[_KIND] == MOVE:
                free[0, slot] = _store(config, g, now, totals, pixels, tc, ready) + 1
                continue
            if m == 0 and g[_GPMODE] != PARAMETER_NONE:
                entries = tc if g[_FUNCTION] == DEPTHWISE else max(1, g[_OPERANDS])
                if g[_FUNCTION] == DEPTHWISE:
                    cost = _weights_cost(config, weight_block_bytes(config, g, 0, k), config[_WBITS])
                    totals[WEIGHTS_LOADED] += cost[4]
                    _load(config, now, totals, cost, free[4, k % g[_PSLOTS]])
                cost = _weights_cost(config, entries * PARAMETER_WORDS * (PARAMETER_BITS // 8), PARAMETER_BITS)
                p_ready = _load(config, now, totals, cost, free[4, k % g[_PSLOTS]])
            work = _vector_cycles(config, functions, pixels, tc, taps, g[_FUNCTION])
            ready = max(ready, p_ready, free[3, o_slot])
            read, stored = _finish(config, functions, g, codes, now, totals, pixels, tc, work, ready)
            free[0, slot], free[3, o_slot] = read + 1, stored + 1
            if m == m_tiles - 1:
                free[4, k % g[_PSLOTS]] = read + 1
            if now[_END] >= best:
                return


@kernel
def estimate_into(config, functions, g, codes, best, totals, now, free):
    """Write a plan's totals; `now` and `free` are scratch space."""
    now[:] = 0
    totals[:] = 0
    now[_L_ISSUE] = now[_A_FREE] = now[_V_FREE] = now[_S_FREE] = now[_MEMORY] = 1
    free[:, :] = 1
    if g[_KIND] == MATRIX:
        _matrix_tiles(config, functions, g, codes, now, totals, free, best)
    else:
        _vector_tiles(config, functions, g, codes, now, totals, free, best)
    totals[CYCLES] = max(now[_END], now[_MEMORY])


def estimate(
    config: np.ndarray, functions: np.ndarray, g: np.ndarray, codes: np.ndarray, best: int = 1 << 62
) -> np.ndarray:
    """Return the totals of a plan, int64 (TOTALS,); gives up (with at least `best` cycles) once it cannot be better."""
    totals = np.zeros(TOTALS, np.int64)
    estimate_into(config, functions, g, codes, best, totals, np.zeros(TIMES, np.int64), np.ones((5, _SLOTS), np.int64))
    return totals
