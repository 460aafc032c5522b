"""Small judgements about entities: who can act, what is worn, what only depicts."""

from __future__ import annotations

from surveil.language import grammar
from surveil.language.sentence import Entity, Predicate
from surveil.language.wordset import word_set

_ANIMATE = ("person", "animal")
_WORN = frozenset(
    {
        "clothes",
        "clothing",
        "hat",
        "shirt",
        "jacket",
        "coat",
        "pants",
        "shoe",
        "helmet",
        "vest",
        "mask",
        "uniform",
        "garment",
        "hood",
        "glasses",
        "gloves",
        "footwear",
        "headdress",
        "body part",
        "jewelry",
        "hair",
        "top",
        "sleeve",
        "dress",
        "skirt",
        "scarf",
        "suit",
    }
)
WORN_STATES = {
    "masked": "mask",
    "hooded": "hood",
    "helmeted": "helmet",
    "gloved": "gloves",
    "uniformed": "uniform",
    "bespectacled": "glasses",
}
"""What the bearer of such an adjective wears."""
_QUANTITIES = word_set(
    """
    group number lot couple pair bunch row line pile stack team crowd dozen dozens set herd flock pack
    piece sheet cloud plume column puff wisp band gang bit handful series variety hundred hundreds mass
    swarm string cluster collection class party heap mound crew sea trail wall thread load array plenty
    majority rest ring circle mob family kind type sort batch burst layer billow stream ball tongue wave
    half squad pool bundle slice portion queue procession fleet convoy litter horde side part end top
    bottom edge back front middle center centre corner inside outside rear half sign trace evidence hint
    group-of
    """
)
_SURFACES = word_set(
    """
    poster billboard sign t-shirt mural banner magazine card tv television book cover logo painting
    wallpaper stamp postcard label page canvas calendar flag
    """
)
INANIMATE_VERBS = word_set(
    """
    burn smoke leak hang lie park stand rise flow come cover drip billow fall lean sit show drift shine
    move stick stack pile float roll pour block leave break flood crash overturn hit flash blow spread
    go emit lay rest wash attach mount surround fill line litter scatter smash shatter crack damage
    abandon open close lock pull stop turn appear drop emerge spill gush seep collapse topple explode
    engulf catch spin slide tip tow load land fly bounce protrude lead run-down face overlook tie strap
    wrap build paint make write decorate ring trap crush wreck glow melt rot grow bloom drive reverse
    approach pass speed skid swerve collide swing sway flap wave
    """
)
"""What things without life can do or undergo; all else takes a person or an animal."""

INTRANSITIVE = word_set(
    """
    walk stand stop come go run jump fall appear sit arrive look turn talk return squat kneel crouch
    lean leave bend enter step move rush hurry chat speak communicate lie sleep wait continue start
    begin disappear exit escape flee jog sprint dash march wander stagger crawl climb dance smile laugh
    cry shout scream fight argue retreat collide crash emerge approach pass wave nod reach point live
    rest happen occur play work smoke drive ride park shop gather gesture struggle stumble slip trip
    collapse faint hide linger loiter drift float fly swim dive leap hop spring stroll trot plunge tumble roll skid
    swerve vanish creep sneak limp scurry scramble clamber burst storm gallop roam pace shuffle tiptoe hobble
    waddle rise soar hover glide bark howl growl snore nap doze lounge pray weep sob giggle whisper mutter yell shriek
    cheer applaud queue congregate disperse flock swarm explode erupt
    """
)
"""Verbs whose -ed form without an object is the past tense, not a participle."""


def is_animate(entity: object) -> bool:
    return isinstance(entity, Entity) and any(term in entity.terms for term in _ANIMATE)


def is_worn(entity: Entity) -> bool:
    """Clothing or a part of the body: what follows it speaks of its bearer."""
    return any(term in _WORN for term in entity.terms)


def is_quantity(entity: Entity) -> bool:
    """a pile of, two of, the side of: what follows is what is meant."""
    return entity.lemma in _QUANTITIES


def is_depiction(entity: Entity) -> bool:
    return entity.lemma in grammar.DEPICTIONS or entity.lemma.split()[-1] in grammar.DEPICTIONS


def surface_depicts(entity: Entity) -> bool:
    """What is on a poster or a television is not there."""
    return entity.lemma in _SURFACES


def fits_as_subject(entity: Entity, predicate: Predicate) -> bool:
    """Whether the entity can do (or, of a participle in -ed, undergo) this."""
    if is_animate(entity):
        return True
    if is_worn(entity):
        return False
    if "vehicle" in entity.terms:
        return predicate.lemma in INANIMATE_VERBS or predicate.passive or predicate.open_voice
    return predicate.lemma in INANIMATE_VERBS or predicate.open_voice or predicate.passive
