"""What happens in each clip: a scene for every moment, and the timeline of what should be said.

Times are seconds from the start of the clip; places are picture units. Every clip ends on the picture
it began with, so that it can be played in a loop, except that a loop of `window` mends the glass and
one of `workshop` puts out the fire.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from samples.render import wardrobe
from samples.render.camera import Camera
from samples.render.canvas import Colour
from samples.render.people import Person, Scheduler
from samples.render.places import Place
from samples.render.props import Prop
from samples.render.scene import Scene
from samples.render.wording import RULES, Facts

Layers = tuple[Prop | Person, ...]

_MAN = Scheduler(False, (178, 40, 40), (32, 42, 74), (214, 166, 130), (34, 26, 22))
_OTHER_MAN = Scheduler(False, (96, 132, 160), (86, 74, 56), (236, 196, 166), (84, 54, 32))
_WOMAN = Scheduler(True, (212, 172, 40), (112, 44, 52), (236, 196, 166), (84, 54, 32))
_LEFT, _RIGHT = -0.2, 16 / 9 + 0.2  # just out of the picture
# Ground covered by one cycle of two steps, in body heights. People take about 0.9 walking and 2
# running; the runner's is shortened, because in a small yard an event must last for some seconds.
_STRIDES = {"walking": 0.9, "running": 1.1}


@dataclass(frozen=True, slots=True)
class Segment:
    """From one change to the next, one class is right."""

    from_s: float
    to_s: float
    class_name: str

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that ought to match what is said in this stretch."""
        return (RULES[self.class_name],) if self.class_name in RULES else ()


@dataclass(frozen=True, slots=True)
class Story:
    """One clip. `layers_at` gives what stands and moves before the background at a moment."""

    name: str
    segments: tuple[Segment, ...]
    place_at: Callable[[float], Place]
    camera: Camera
    layers_at: Callable[[float], Layers]

    @property
    def duration_s(self) -> float:
        """Length of the clip."""
        return self.segments[-1].to_s

    def scene_at(self, t_s: float, frame_index: int) -> Scene:
        """The scene at a moment, with that frame's own noise and clock."""
        seconds = int(t_s)
        camera = replace(
            self.camera,
            noise_seed=frame_index,
            clock=f"2026-05-04 {self.camera.clock}:{seconds:02d}",
        )
        place = self.place_at(t_s)
        return Scene(place, self.layers_at(t_s), camera, Facts("empty", camera.light, "yard"))


def _moving(
    looks: Scheduler,
    action: str,
    t_s: float,
    *,
    start: tuple[float, float],
    end: tuple[float, float],
    y: float,
    height: float,
) -> Person:
    """A person on a straight way from `start` to `end`, each a time and an x."""
    (from_s, from_x), (to_s, to_x) = start, end
    x = from_x + (to_x - from_x) * (t_s - from_s) / (to_s - from_s)
    stride = height * _STRIDES[action]
    return Person(
        looks, action, x=x, y=y, height=height, phase=abs(x - from_x) / stride,
        facing=1 if to_x > from_x else -1, yaw_deg=15, squash=0.95,
    )  # fmt: skip


def _fixed(place: Place) -> Callable[[float], Place]:
    return lambda _t_s: place


def _timeline(*changes: tuple[float, str], end_s: float) -> tuple[Segment, ...]:
    """Segments from (start, class) pairs."""
    ends = [start for start, _ in changes[1:]] + [end_s]
    return tuple(Segment(at, to, name) for (at, name), to in zip(changes, ends, strict=True))


def _entrance() -> Story:
    """Nobody; a man walks up to a metal fence, climbs over it and runs off behind it."""
    place = Place("yard", (92, 132, 66), (168, 198, 226), 0.34, seed=11)
    fence = Prop("fence", 0, 0.87, 0.46, wardrobe.FENCE_COLOURS["metal"], style="metal", seed=3)
    gate_x, height = 1.38, 0.48

    def layers(t_s: float) -> Layers:
        if 4.0 <= t_s < 9.0:
            man = _moving(_MAN, "walking", t_s, start=(4.0, _LEFT), end=(9.0, gate_x), y=0.92,
                          height=height)  # fmt: skip
            return fence, man
        if 9.0 <= t_s < 15.0:
            progress = 0.05 + 0.87 * (t_s - 9.0) / 6.0
            man = Person(_MAN, "climbing", x=gate_x, y=0.87, height=height, phase=progress,
                         fence_height=0.46 / height)  # fmt: skip
            return (man, fence) if progress > 0.6 else (fence, man)
        if 15.0 <= t_s < 20.0:
            man = _moving(_MAN, "running", t_s, start=(15.0, gate_x), end=(20.0, _LEFT), y=0.84,
                          height=height * 0.96)  # fmt: skip
            return man, fence
        return (fence,)

    timeline = _timeline(
        (0, "empty"), (4.4, "walking"), (9, "climbing"), (15, "running"), (19.6, "empty"), end_s=22
    )
    camera = Camera("day", noise_sigma=3, blur_sigma=1.2, clock="07:42")
    return Story("entrance", timeline, _fixed(place), camera, layers)


def _square() -> Story:
    """Two men walk towards each other and fight; one runs off, the other stays on the ground."""
    place = Place("square", (176, 166, 150), (168, 198, 226), 0.36, seed=5)
    height, y, meet = 0.52, 0.88, 0.86

    def layers(t_s: float) -> Layers:
        if t_s < 2.0 or t_s >= 23.0:
            return ()
        if t_s < 6.0:
            return (
                _moving(_OTHER_MAN, "walking", t_s, start=(2.0, _LEFT), end=(6.0, meet - 0.14), y=y,
                        height=height),
                _moving(_MAN, "walking", t_s, start=(2.0, _RIGHT), end=(6.0, meet + 0.14), y=y,
                        height=height),
            )  # fmt: skip
        if t_s < 12.0:
            rock = 0.7 * (t_s - 6.0)
            return tuple(
                Person(looks, "fighting", x=meet - side * 0.105, y=y, height=height,
                       phase=rock + shift, facing=side, squash=0.95)
                for looks, side, shift in ((_OTHER_MAN, 1, 0.0), (_MAN, -1, 0.37))
            )  # fmt: skip
        down = Person(_OTHER_MAN, "lying", x=meet - 0.05, y=y, height=height, phase=0.4, facing=-1,
                      tilt_deg=12)  # fmt: skip
        if t_s < 14.0:
            away = _moving(_MAN, "running", t_s, start=(12.0, meet + 0.3), end=(14.0, _RIGHT), y=y,
                           height=height)  # fmt: skip
            return away, down
        return (down,)

    timeline = _timeline(
        (0, "empty"), (2.5, "walking"), (6, "fighting"), (12, "lying"), (23, "empty"), end_s=25
    )
    camera = Camera("day", gain=0.95, noise_sigma=3, blur_sigma=1.2, clock="16:05")
    return Story("square", timeline, _fixed(place), camera, layers)


def _porch() -> Story:
    """A woman comes to a front door at dusk, and when she has gone a package is left."""
    place = Place("porch", (150, 140, 128), (168, 198, 226), 0.68, seed=21)
    parcel = Prop("package", 1.32, 0.88, 0.2, (176, 134, 84))

    def layers(t_s: float) -> Layers:
        if 3.0 <= t_s < 9.0:
            woman = _moving(_WOMAN, "walking", t_s, start=(3.0, _LEFT), end=(9.0, _RIGHT), y=0.92,
                            height=0.56)  # fmt: skip
            # She passes the spot at about 7.3 s and covers it, so it appears behind her.
            return (parcel, woman) if woman.x > parcel.x else (woman,)
        return (parcel,) if 9.0 <= t_s < 18.0 else ()

    timeline = _timeline((0, "empty"), (3.4, "walking"), (8.6, "package"), (18, "empty"), end_s=20)
    camera = Camera("dusk", noise_sigma=4, blur_sigma=1.2, clock="20:17")
    return Story("porch", timeline, _fixed(place), camera, layers)


def _workshop() -> Story:
    """A man walks out of a workshop; then a fire starts on the floor and grows."""
    place = Place("workshop", (132, 132, 130), (168, 198, 226), 0.54, seed=8)

    def layers(t_s: float) -> Layers:
        if 2.0 <= t_s < 8.0:
            return (_moving(_OTHER_MAN, "walking", t_s, start=(2.0, _LEFT), end=(8.0, _RIGHT),
                            y=0.9, height=0.55),)  # fmt: skip
        if t_s >= 10.0:
            size = min(0.42, 0.12 + 0.10 * (t_s - 10.0))
            return (Prop("fire", 0.8, 0.84, size, (0, 0, 0), seed=4, t_s=t_s),)
        return ()

    timeline = _timeline((0, "empty"), (2.4, "walking"), (7.6, "empty"), (10, "fire"), end_s=20)
    camera = Camera("day", gain=0.9, noise_sigma=4, blur_sigma=1.2, clock="11:30")
    return Story("workshop", timeline, _fixed(place), camera, layers)


def _window() -> Story:
    """A window in a brick wall at night under infrared lamps; then its glass is broken."""
    place = Place("brick wall", (148, 76, 58), (168, 198, 226), 0.3, seed=2)
    frame: Colour = (240, 240, 236)

    def layers(t_s: float) -> Layers:
        kind = "window" if t_s < 6.0 else "broken window"
        return (Prop(kind, 0.9, 0.82, 0.62, frame, seed=14),)

    timeline = _timeline((0, "window"), (6, "broken window"), end_s=16)
    camera = Camera("night", noise_sigma=6, blur_sigma=1.2, clock="02:55")
    return Story("window", timeline, _fixed(place), camera, layers)


def _quiet() -> Story:
    """Nothing to report: a camera that turns between a car, a walker passing it, and a hydrant."""
    lot = Place("parking lot", (82, 84, 88), (168, 198, 226), 0.38, seed=31)
    street = Place("street", (96, 96, 98), (196, 206, 214), 0.36, seed=7)
    car = Prop("car", 0.8, 0.6, 0.2, wardrobe.CAR_COLOURS["blue"])
    hydrant = Prop("hydrant", 1.05, 0.86, 0.42, wardrobe.HYDRANT_COLOURS["red"])

    def place_at(t_s: float) -> Place:
        return lot if t_s < 11.0 or t_s >= 18.0 else street

    def layers(t_s: float) -> Layers:
        if place_at(t_s) is street:
            return (hydrant,)
        if 3.0 <= t_s < 9.0:
            return car, _moving(_WOMAN, "walking", t_s, start=(3.0, _RIGHT), end=(9.0, _LEFT),
                                y=0.88, height=0.5)  # fmt: skip
        return (car,)

    timeline = _timeline(
        (0, "car"), (3.4, "walking"), (8.6, "car"), (11, "hydrant"), (18, "car"), end_s=20
    )
    camera = Camera("day", noise_sigma=3, blur_sigma=1.2, clock="13:10")
    return Story("quiet", timeline, place_at, camera, layers)


STORIES: tuple[Story, ...] = (
    _entrance(), _square(), _porch(), _workshop(), _window(), _quiet(),
)  # fmt: skip
