"""A scene at one moment: a place, things, people and a camera; and how it becomes a picture."""

from dataclasses import dataclass

from samples.render.camera import Camera, expose
from samples.render.canvas import Canvas, Pixels
from samples.render.people import Person, draw_person
from samples.render.places import Place, draw_place
from samples.render.props import Prop, draw_prop
from samples.render.wording import Facts, captions


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything to be drawn, already in order from far to near."""

    place: Place
    layers: tuple[Prop | Person, ...]
    camera: Camera
    facts: Facts

    @property
    def captions(self) -> tuple[str, ...]:
        """The allowed wordings, the taught one first."""
        return captions(self.facts)

    @property
    def class_name(self) -> str:
        """One of `wording.CLASSES`."""
        return self.facts.class_name


def draw(scene: Scene, *, width_px: int, height_px: int) -> Pixels:
    """The picture, RGB uint8 (height_px, width_px, 3). The same scene gives the same bytes."""
    canvas = Canvas(width_px=width_px, height_px=height_px)
    draw_place(canvas, scene.place)
    for layer in scene.layers:
        if isinstance(layer, Person):
            draw_person(canvas, layer, scene.place.ground)
        else:
            draw_prop(canvas, layer, scene.place.ground)
    return expose(canvas.pixels, scene.camera)
