// Around the NPU under cocotb: plays the commands, holds the DRAM, writes a log, so that Python wakes only when a
// request is accepted. When each request is answered, and when the port has room, Python says (rtl/bench/memory.py).
// Files in the working folder: commands.hex, dram.hex, stalls.txt (one digit a cycle), log.txt.
// `shape.vh` is generated (rtl/bench/shape.py).
`timescale 1ns / 1ps
`include "shape.vh"
`define IDS (1 << `RESPONSE_ID_WIDTH)
`define CYCLE_WIDTH 40

module npu_bench (
    input wire clk,
    input wire rst,
    input wire [31:0] commands,
    input wire [31:0] execute_commands,
    input wire [31:0] quiet_limit,
    // From low bits: the first cycle with room; for each id the cycle of its answer.
    input wire [`CYCLE_WIDTH*(`IDS+1)-1:0] plan,
    output reg wake, // turns when `taken` or `status` is new
    output reg [`CYCLE_WIDTH+`REQUEST_ADDRESS_WIDTH+`REQUEST_BEATS_WIDTH+`REQUEST_ID_WIDTH-1:0] taken,
    output reg [2:0] status, // 1 all ended, 2 nothing moves, 3 an unknown value at a port, 4 beyond the DRAM
    output reg [`CYCLE_WIDTH-1:0] cycle,
    output wire [`COUNTERS*`COUNTER_WIDTH-1:0] counters
);
  localparam WINDOW_BITS = 8 * `BURST_BYTES;
  localparam WINDOW_SHIFT = $clog2(`BURST_BYTES);
  localparam INDEX_WIDTH = `REQUEST_ADDRESS_WIDTH - WINDOW_SHIFT;

  reg [WINDOW_BITS-1:0] dram[0:`DRAM_WINDOWS-1];
  reg [INDEX_WIDTH-1:0] window_of[0:`IDS-1];
  reg [32*`COMMAND_WORDS-1:0] command, next_command;
  reg command_valid, stalled;
  reg [31:0] ended, quiet;
  integer command_file, stall_file, log_file, digit, got, i;

  wire command_ready, request_valid;
  wire [`REQUEST_BITS-1:0] request;
  wire [`EVENTS-1:0] events;
  reg response_valid;
  reg [`RESPONSE_ID_WIDTH-1:0] response_id;
  wire [`RESPONSE_BITS-1:0] response;
  assign response[`RESPONSE_ID+:`RESPONSE_ID_WIDTH] = response_id;
  assign response[`RESPONSE_DATA+:WINDOW_BITS] = dram[window_of[response_id]];

  wire request_ready = cycle >= plan[0+:`CYCLE_WIDTH] && !stalled;
  wire accepted = request_valid && request_ready;
  wire write = request[`REQUEST_WRITE];
  wire [`REQUEST_ID_WIDTH-1:0] id = request[`REQUEST_ID+:`REQUEST_ID_WIDTH];
  wire [`REQUEST_ADDRESS_WIDTH-1:0] address = request[`REQUEST_ADDRESS+:`REQUEST_ADDRESS_WIDTH];
  wire [INDEX_WIDTH-1:0] window = address >> WINDOW_SHIFT;
  wire [WINDOW_BITS-1:0] data = request[`REQUEST_DATA+:WINDOW_BITS];
  wire [`BURST_BYTES-1:0] mask = request[`REQUEST_MASK+:`BURST_BYTES];
  wire [WINDOW_BITS-1:0] bit_mask;
  genvar b;
  generate
    for (b = 0; b < `BURST_BYTES; b = b + 1) begin : spread
      assign bit_mask[8*b+:8] = {8{mask[b]}};
    end
  endgenerate

  npu npu (
      .clk(clk),
      .rst(rst),
      .execute_commands(execute_commands),
      .command__valid(command_valid),
      .command__ready(command_ready),
      .command__payload(command[`COMMAND_WIDTH-1:0]),
      .request__valid(request_valid),
      .request__ready(request_ready),
      .request__payload(request),
      .response__valid(response_valid),
      .response__payload(response),
      .events(events),
      .counters(counters)
  );

  always @* begin
    response_valid = 0;
    response_id = 0;
    for (i = 0; i < `IDS; i = i + 1) begin
      if (!rst && plan[`CYCLE_WIDTH*(i+1)+:`CYCLE_WIDTH] == cycle) begin
        response_valid = 1;
        response_id = i[`RESPONSE_ID_WIDTH-1:0];
      end
    end
  end

  initial begin
    wake = 0;
    taken = 0;
    status = 0;
    cycle = 0;
    ended = 0;
    quiet = 0;
    for (i = 0; i < `IDS; i = i + 1) window_of[i] = 0;
    $readmemh("dram.hex", dram);
    log_file = $fopen("log.txt", "w");
    command_file = $fopen("commands.hex", "r");
    got = $fscanf(command_file, "%h", command);
    command_valid = got == 1;
    stall_file = $fopen("stalls.txt", "r");
    digit = $fgetc(stall_file);
    stalled = digit == "1";
  end

  wire [31:0] ends;
  assign ends = events[4] + events[5] + events[6] + events[7] + events[8];
  wire unknown = (^{events, request_valid, command_ready} === 1'bx) || (accepted && (^{id, address, write} === 1'bx));

  wire beyond = accepted && window >= `DRAM_WINDOWS;
  wire finished = ended + ends == commands || quiet > quiet_limit || unknown || beyond;

  always @(posedge clk)
    if (!rst && status == 0) begin
      cycle <= cycle + 1;
      digit = $fgetc(stall_file);
      stalled <= digit == "1";
      quiet <= quiet + 1;
      if (response_valid) quiet <= 0;
      if (events != 0) begin
        $fdisplay(log_file, "e %0d %h", cycle, events);
        ended <= ended + ends;
        quiet <= 0;
      end
      if (command_valid && command_ready) begin
        got = $fscanf(command_file, "%h", next_command);
        command <= next_command;
        command_valid <= got == 1;
        quiet <= 0;
      end
      if (accepted) begin
        taken <= {cycle, address, request[`REQUEST_BEATS+:`REQUEST_BEATS_WIDTH], id};
        quiet <= 0;
        window_of[id] <= window;
        if (write) begin
          $fdisplay(log_file, "w %h %h %h", window, mask, data & bit_mask);
          dram[window] <= (dram[window] & ~bit_mask) | (data & bit_mask);
        end
      end
      if (finished) begin
        if (unknown)
          $fdisplay(log_file, "x %b %b %b %b %b %b", events, request_valid, command_ready, id, address, write);
        status <= unknown ? 3 : beyond ? 4 : ended + ends == commands ? 1 : 2;
        $fclose(log_file);
      end
      if (accepted || finished) wake <= ~wake;  // last: what it announces has been assigned before
    end
endmodule
