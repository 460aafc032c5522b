"""The bones of a person: joint positions for each pose at a moment of its movement.

Body units: one is the person's height, x points forward (where the person looks), y upwards from
the ground. Angles are degrees from hanging straight down, positive forward. Limb lengths follow the
usual drawing proportions (leg about half of the height, head about an eighth).
"""

from dataclasses import dataclass
from math import cos, hypot, pi, radians, sin

Joint = tuple[float, float]

THIGH = SHIN = 0.245
TORSO = 0.30
UPPER_ARM, FOREARM = 0.165, 0.155
HEAD_RADIUS = 0.068
_SHOULDER_HALF = 0.085  # sideways, from spine to joint
_HIP_HALF = 0.05


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Joints in body units. `far` limbs are drawn first, `near` ones last."""

    hip: Joint
    neck: Joint
    head: Joint
    far_leg: tuple[Joint, Joint, Joint]  # hip, knee, foot
    near_leg: tuple[Joint, Joint, Joint]
    far_arm: tuple[Joint, Joint, Joint]  # shoulder, elbow, hand
    near_arm: tuple[Joint, Joint, Joint]


def walking(phase: float, *, yaw_deg: float = 0) -> Skeleton:
    """A step of a walk; `phase` counts whole cycles of two steps."""
    swing, lift = sin(2 * pi * phase), cos(2 * pi * phase)
    return _stride(
        thighs=(25 * swing, -25 * swing),
        knees=(8 + 38 * max(0, lift), 8 + 38 * max(0, -lift)),
        arms=(-22 * swing, 22 * swing),
        elbow=16,
        lean=3,
        yaw_deg=yaw_deg,
        hop=0,
    )


def running(phase: float, *, yaw_deg: float = 0) -> Skeleton:
    """A run: trunk leaning forward, long stride, heels high, elbows at right angles."""
    swing, lift = sin(2 * pi * phase), cos(2 * pi * phase)
    return _stride(
        thighs=(12 + 52 * swing, 12 - 52 * swing),
        knees=(22 + 85 * max(0, lift), 22 + 85 * max(0, -lift)),
        arms=(-52 * swing, 52 * swing),
        elbow=95,
        lean=20,
        yaw_deg=yaw_deg,
        hop=0.05 * abs(swing),
    )


def fighting(phase: float) -> Skeleton:
    """A wide stance with alternating punches, and a kick in the last quarter of each cycle."""
    swing = sin(4 * pi * phase)
    kick = phase % 1 > 0.75
    hip = (0.0, 0.43)
    neck = _polar(hip, 180 - (-14 if kick else 14 - 8 * swing), TORSO)
    thigh, shin = (78, 74) if kick else (38, 6)
    front = _chain(hip, thigh, THIGH, shin, SHIN)
    back = _chain(hip, -24, THIGH, -34, SHIN)
    reach_a, reach_b = 0.16 + 0.16 * (1 + swing) / 2, 0.16 + 0.16 * (1 - swing) / 2
    arm_a = _reach(neck, (neck[0] + reach_a, neck[1] + 0.02), UPPER_ARM, FOREARM, bend=-1)
    arm_b = _reach(neck, (neck[0] + reach_b, neck[1] + 0.05), UPPER_ARM, FOREARM, bend=-1)
    return Skeleton(hip, neck, _head(neck, 6), back, front, arm_b, arm_a)


def lying(variant: float) -> Skeleton:
    """A body at rest, still upright here: the painter lays it down. `variant` 0..1 spreads limbs."""
    spread = 6 + 30 * variant
    hip = (0.0, THIGH + SHIN)
    neck = (0.0, hip[1] + TORSO)
    return Skeleton(
        hip,
        neck,
        _head(neck, 0),
        _chain((-_HIP_HALF, hip[1]), -spread * 0.5, THIGH, -spread * 0.4, SHIN),
        _chain((_HIP_HALF, hip[1]), spread, THIGH, spread * 0.2 - 10, SHIN),
        _chain((-_SHOULDER_HALF, neck[1]), -spread * 3, UPPER_ARM, -spread * 4, FOREARM),
        _chain((_SHOULDER_HALF, neck[1]), spread * 1.6, UPPER_ARM, spread * 3, FOREARM),
    )


def climbing(progress: float, *, fence_height: float) -> Skeleton:
    """Over a fence seen from the front: up (0..0.4), astride its top (to 0.6), down (to 1).

    `fence_height` is in body heights. Hands stay on the top rail, knees work outwards.
    """
    if 0.4 <= progress <= 0.6:
        return _astride((progress - 0.4) / 0.2, fence_height)
    way_up = progress / 0.4 if progress < 0.4 else (1 - progress) / 0.4
    hip_height = 0.5 + 0.06 + way_up * (fence_height - 0.5)
    work = sin(6 * pi * way_up)  # three pulls, hand over hand
    hip = (0.02 * work, hip_height)
    neck = (-0.02 * work, hip_height + TORSO)
    arms = []
    for side in (-1, 1):
        shoulder = (neck[0] + side * _SHOULDER_HALF, neck[1] - 0.02)
        hand = (side * (0.13 + 0.02 * work), fence_height + 0.02)
        arms.append(_reach(shoulder, hand, UPPER_ARM, FOREARM, bend=-side))
    legs = []
    for side in (-1, 1):
        top = (hip[0] + side * _HIP_HALF, hip[1])
        tuck = 0.30 + 0.10 * side * work
        foot = (side * 0.15, max(0.02, hip[1] - tuck - 0.08))
        legs.append(_reach(top, foot, THIGH, SHIN, bend=side))
    return Skeleton(hip, neck, _head(neck, 0), legs[0], legs[1], arms[0], arms[1])


def _astride(progress: float, fence_height: float) -> Skeleton:
    """Sitting on the top rail: trunk bent along it, one leg on each side, then swapping over."""
    tilt = 52 - 24 * abs(2 * progress - 1)
    hip = (0.10 - 0.05 * progress, fence_height + 0.06)
    neck = _polar(hip, 180 + tilt, TORSO)
    hand = (neck[0] - 0.06, fence_height + 0.01)
    return Skeleton(
        hip,
        neck,
        _head(neck, -tilt * 0.6),
        _chain(hip, 70 - 30 * progress, THIGH, 20, SHIN),
        _chain(hip, -15 + 20 * progress, THIGH, -25, SHIN),
        _reach(neck, hand, UPPER_ARM, FOREARM, bend=1),
        _reach(neck, (hand[0] + 0.12, hand[1]), UPPER_ARM, FOREARM, bend=-1),
    )


def _stride(
    *,
    thighs: tuple[float, float],
    knees: tuple[float, float],
    arms: tuple[float, float],
    elbow: float,
    lean: float,
    yaw_deg: float,
    hop: float,
) -> Skeleton:
    """A side view turned by `yaw_deg`: forward distances shrink, sideways ones come into view."""
    along, across = cos(radians(yaw_deg)), sin(radians(yaw_deg))
    legs = []
    for side, thigh, knee in zip((-1, 1), thighs, knees, strict=True):
        legs.append(_chain((side * _HIP_HALF * across, 0), thigh, THIGH, thigh - knee, SHIN, along))
    ground = min(leg[2][1] for leg in legs)
    hip = (0.0, hop - ground)
    neck = _polar(hip, 180 - lean, TORSO, along)
    lifted = [tuple((x, y + hip[1]) for x, y in leg) for leg in legs]
    swung = []
    for side, arm in zip((-1, 1), arms, strict=True):
        shoulder = (neck[0] + side * _SHOULDER_HALF * across, neck[1] - 0.02)
        swung.append(_chain(shoulder, arm, UPPER_ARM, arm + elbow, FOREARM, along))
    far_leg, near_leg = ((leg[0], leg[1], leg[2]) for leg in lifted)
    return Skeleton(hip, neck, _head(neck, lean), far_leg, near_leg, swung[0], swung[1])


def _head(neck: Joint, lean_deg: float) -> Joint:
    return _polar(neck, 180 - lean_deg, 0.045 + HEAD_RADIUS)


def _polar(origin: Joint, angle_deg: float, length: float, along: float = 1) -> Joint:
    angle = radians(angle_deg)
    return origin[0] + length * sin(angle) * along, origin[1] - length * cos(angle)


def _chain(
    origin: Joint,
    first_deg: float,
    first: float,
    second_deg: float,
    second: float,
    along: float = 1,
) -> tuple[Joint, Joint, Joint]:
    middle = _polar(origin, first_deg, first, along)
    return origin, middle, _polar(middle, second_deg, second, along)


def _reach(
    origin: Joint, target: Joint, first: float, second: float, *, bend: float
) -> tuple[Joint, Joint, Joint]:
    """Two bones from `origin` towards `target`; `bend` says to which side the joint gives way."""
    dx, dy = target[0] - origin[0], target[1] - origin[1]
    distance = max(1e-6, hypot(dx, dy))
    length = min(distance, (first + second) * 0.999)
    ux, uy = dx / distance, dy / distance
    end = (origin[0] + ux * length, origin[1] + uy * length)
    inward = (first**2 - second**2 + length**2) / (2 * length)
    sideways = max(0.0, first**2 - inward**2) ** 0.5 * (1 if bend > 0 else -1)
    middle = (origin[0] + ux * inward + uy * sideways, origin[1] + uy * inward - ux * sideways)
    return origin, middle, end
