"""People: what they wear, where they stand, and how a skeleton becomes a clothed figure."""

from dataclasses import dataclass
from math import cos, radians, sin

from samples.render import figure
from samples.render.canvas import Canvas, Colour, Point, shade


@dataclass(frozen=True, slots=True)
class Scheduler:
    """What stays the same about a person from frame to frame."""

    is_woman: bool  # long hair and a skirt; otherwise short hair and trousers
    top: Colour
    bottom: Colour
    skin: Colour
    hair: Colour


@dataclass(frozen=True, slots=True)
class Person:
    """One person at one moment. `x`, `y` is the point on the ground (units), as is `height`."""

    looks: Scheduler
    action: str  # walking, running, fighting, lying or climbing
    x: float
    y: float
    height: float
    phase: float = (
        0.0  # cycles of the movement; for climbing its progress 0..1; for lying a variant
    )
    facing: int = 1  # 1 looks to the right, -1 to the left
    yaw_deg: float = 0.0  # turned towards the camera
    squash: float = 1.0  # seen from above, a figure is shorter
    fence_height: float = 1.2  # climbing only, in body heights
    tilt_deg: float = 0.0  # lying only: direction of the body on the ground


def draw_person(canvas: Canvas, person: Person, ground: Colour) -> None:
    """Paints the figure with a soft contact shadow in the `ground` colour."""
    bones = _bones(person)
    if person.action != "climbing":
        wide = 0.42 if person.action == "lying" else 0.2
        centre = (person.x, person.y + 0.005)
        axes = (person.height * wide, person.height * 0.045)
        canvas.oval(centre, axes, shade(ground, 0.72))
    _dress(canvas, person, bones)


def joints(person: Person) -> list[Point]:
    """Where the person's joints are in the picture (units)."""
    bones = _bones(person)
    limbs = (*bones.far_leg, *bones.near_leg, *bones.far_arm, *bones.near_arm)
    return [_place(person, joint) for joint in (bones.head, bones.neck, bones.hip, *limbs)]


def _bones(person: Person) -> figure.Skeleton:
    if person.action == "running":
        return figure.running(person.phase, yaw_deg=person.yaw_deg)
    if person.action == "fighting":
        return figure.fighting(person.phase)
    if person.action == "lying":
        return figure.lying(person.phase)
    if person.action == "climbing":
        return figure.climbing(person.phase, fence_height=person.fence_height)
    return figure.walking(person.phase, yaw_deg=person.yaw_deg)


def _dress(canvas: Canvas, person: Person, bones: figure.Skeleton) -> None:
    looks, size = person.looks, person.height
    legs = looks.skin if looks.is_woman else looks.bottom

    def at(joint: figure.Joint) -> Point:
        return _place(person, joint)

    def limb(bone: tuple[figure.Joint, ...], colour: Colour, widths: tuple[float, ...]) -> None:
        a, b, c = (at(joint) for joint in bone)
        w0, w1, w2 = (width * size for width in widths)
        canvas.limb(a, b, (w0, w1), colour)
        canvas.limb(b, c, (w1, w2), colour)

    arm_widths, leg_widths = (0.062, 0.05, 0.038), (0.088, 0.066, 0.048)
    limb(bones.far_arm, shade(looks.top, 0.78), arm_widths)
    limb(bones.far_leg, shade(legs, 0.75), leg_widths)
    limb(bones.near_leg, legs, leg_widths)
    for leg in (bones.far_leg, bones.near_leg):  # shoes
        canvas.disc(at(leg[2]), 0.03 * size, (35, 30, 30))
    hip, neck = at(bones.hip), at(bones.neck)
    canvas.limb(hip, neck, (0.125 * size, 0.165 * size), looks.top)
    if looks.is_woman:
        _skirt(canvas, hip, (at(bones.far_leg[1]), at(bones.near_leg[1])), person)
    head = at(bones.head)
    if looks.is_woman:
        canvas.limb(head, neck, (0.15 * size, 0.12 * size), looks.hair)
    canvas.disc(head, figure.HEAD_RADIUS * size, looks.skin)
    crown = (head[0] + (head[0] - neck[0]) * 0.32, head[1] + (head[1] - neck[1]) * 0.32)
    canvas.disc(crown, figure.HEAD_RADIUS * 0.88 * size, looks.hair)
    limb(bones.near_arm, shade(looks.top, 0.9), arm_widths)
    for arm in (bones.far_arm, bones.near_arm):
        canvas.disc(at(arm[2]), 0.026 * size, looks.skin)


def _skirt(canvas: Canvas, hip: Point, knees: tuple[Point, Point], person: Person) -> None:
    """A skirt from the waist to both knees."""
    colour, size = person.looks.bottom, person.height
    canvas.limb(hip, knees[0], (0.14 * size, 0.11 * size), colour)
    canvas.limb(hip, knees[1], (0.14 * size, 0.11 * size), colour)
    canvas.polygon([hip, knees[0], knees[1]], colour)


def _place(person: Person, joint: figure.Joint) -> Point:
    """Body coordinates to picture coordinates."""
    forward, up = joint
    if person.action == "lying":
        # Laid down: the body's length runs along the ground, which the camera sees foreshortened.
        angle = radians(person.tilt_deg)
        length, side = up - 0.5, forward
        right = length * cos(angle) - side * sin(angle)
        depth = (length * sin(angle) + side * cos(angle)) * 0.5
        return (
            person.x + person.facing * right * person.height,
            person.y - 0.05 * person.height + depth * person.height,
        )
    return (
        person.x + person.facing * forward * person.height,
        person.y - up * person.height * person.squash,
    )
