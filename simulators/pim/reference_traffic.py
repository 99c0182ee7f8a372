"""A channel that computes while the NPU reads and writes it, in plain Python, clock by clock: the rules as they are.

A clock: refresh first, then the head of the PIM queue, as in `reference.py`. Where neither issues, the banks' queues
may, round robin from the one served last, the first ready command of the first ready queue:

- never the rank whose refresh waits, never the row of the tile that the PIM queue is at, nor GWRITE's bank meanwhile;
- with two row buffers while the PIM queue waits: only with a slack of at least 10 clocks before the refresh, that is
  what is left of it when the operation at its head is taken off; an ACT takes tRCDWR of the slack and a PRE tRP, when
  there is more of it than tRCDWR, or tRP + tRCDWR; READ and WRITE take nothing (NeuPIMs simulator, ASPLOS 2024);
- with one row buffer: nothing until the PIM queue is empty, or rests for a refresh;
- a row closes for the first request of its bank's queue, when no request for it is queued or four were served.

Then requests that are offered enter the window, and one of it moves to its bank's queue. There is no write buffer:
writes go in their order.
"""

from __future__ import annotations

from collections.abc import Iterable

from simulators.pim.commands import ACT, G_ACT, GWRITE, PIM_PRE, PRE, RD, REF, WR
from simulators.pim.device import PimDevice
from simulators.pim.reference import VECTOR_PLACE, Item, Place, ReferenceChannel
from simulators.pim.traffic_kernel import HITS_BEFORE_CLOSING, LEAST_SLACK, QUEUE, WINDOW

Request = tuple[int, int, int, int]


class ReferenceTrafficChannel(ReferenceChannel):
    """One channel of a device with requests of the NPU: (clock offered, write, bank, row), by clock.

    Attributes
    ----------
    last_data : int
        Clock behind the last data of a request.
    """

    def __init__(self, device: PimDevice, requests: Iterable[Request]) -> None:
        super().__init__(device)
        self.offered = list(requests)
        self.window: list[Request] = []
        self.queues: dict[Place, list[Request]] = {p: [] for p in self.places}
        self.hits = dict.fromkeys(self.places, 0)
        self.acts: dict[int, list[int]] = {}
        self.last, self.last_data = self.places[0], 0

    @property
    def left(self) -> int:
        """Requests not served."""
        return len(self.offered) + len(self.window) + sum(map(len, self.queues.values()))

    def drain(self) -> None:
        """Let time pass until every request is served."""
        while self.left:
            self._tick([])
            self.clock += 1

    def _tick(self, queue: list[Item]) -> None:
        before, pim = len(self.commands), bool(queue)
        head = queue[0] if queue else None
        super()._tick(queue)
        if len(self.commands) == before and self._may_use_clock(pim):
            self._serve(pim, head is not None and head[0] == GWRITE and self.admitted)
        self._move()

    def _may_use_clock(self, pim: bool) -> bool:
        if not pim or self.skip:
            return True
        if self.device.row_buffers == 1:
            return False
        return self.waiting > 0 or self.slack >= LEAST_SLACK

    def _serve(self, pim: bool, vector_asked: bool) -> None:
        begin = self.places.index(self.last) + 1
        for place in self.places[begin:] + self.places[:begin]:
            if self.waiting and place[0] == self.rank:
                continue
            if place == VECTOR_PLACE and (vector_asked or self.clock < self.buffer_busy):
                continue
            for request in self.queues[place]:
                if self._serve_one(pim, place, request):
                    self.last = place
                    return

    def _serve_one(self, pim: bool, place: Place, request: Request) -> bool:
        _, write, _, row = request
        opened, t = self.normal[place], self.device.standard.timing
        if pim and row == self.reserved:
            return False
        if opened == row:
            command = WR if write else RD
        elif self.device.row_buffers == 2 and self.compute[place] == row:
            command = PIM_PRE
        else:
            command = PRE if opened >= 0 else ACT
        if not self._is_ready(command, place) or (command == PRE and not self._may_close(place, request)):
            return False
        if pim and self.slack > 0 and command in (PRE, ACT):
            if self.slack <= t["tRCDWR"] + (t["tRP"] if command == PRE else 0):
                return False
            self.slack -= t["tRP"] if command == PRE else t["tRCDWR"]
        self._issue(command, place, -1 if command in (PRE, PIM_PRE) else row)
        if command in (RD, WR):
            self.hits[place] += 1
            self.queues[place].remove(request)
            self.last_data = self.clock + t["BURST"] + (t["CWL"] if write else t["CL"])
        return True

    def _may_close(self, place: Place, request: Request) -> bool:
        queue = self.queues[place]
        if request is not queue[0]:
            return False
        return all(r[3] != self.normal[place] for r in queue) or self.hits[place] >= HITS_BEFORE_CLOSING

    def _is_ready(self, command: int, place: Place) -> bool:
        if command in (ACT, G_ACT):
            acts = self.acts.get(place[0], [])
            if len(acts) == 4 and self.clock < acts[0] + self.device.standard.timing["tFAW"]:
                return False
        return super()._is_ready(command, place)

    def _issue(self, command: int, place: Place, row: int, comps: int = 0) -> None:
        super()._issue(command, place, row, comps)
        if command == ACT:
            self.hits[place] = 0
            self.acts[place[0]] = [*self.acts.get(place[0], [])[-3:], self.clock]

    def _refresh(self) -> None:
        super()._refresh()
        if self.commands and self.commands[-1][:2] == (self.clock, REF):
            self.slack, self.reserved = 0, -1

    def _move(self) -> None:
        while self.offered and len(self.window) < WINDOW and self.offered[0][0] <= self.clock:
            self.window.append(self.offered.pop(0))
        for request in self.window:
            queue = self.queues[self.places[request[2]]]
            if len(queue) < QUEUE:
                queue.append(request)
                self.window.remove(request)
                return
