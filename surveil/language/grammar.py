"""The closed classes of English words: the ones a lexicon of things and actions does not hold.

Tags: D determiner, Q number, A adjective, N noun, X pronoun, S possessive ('s, his), V verb, B be, H have, O do,
M modal, T to, P preposition, C conjunction, L clause opener (who, while), G negation, R adverb, E existential there,
and punctuation as itself.
"""

from __future__ import annotations

from surveil.language.wordset import word_set

_WORDS = {
    "D": "a an the this these those some any each every another both all no either neither such what whatever many "
    "several few various much more most enough multiple numerous two-three",
    "Q": "one two three four five six seven eight nine ten eleven twelve dozen dozens hundred hundreds thousand "
    "half couple-of",
    "X": "he she it they him them me us we i you someone somebody anyone anybody everyone everybody nobody noone "
    "none something anything everything nothing himself herself itself themselves oneself others "
    "myself yourself ourselves",
    "S": "his her its their my your our whose 's",
    "B": "be is are was were been being am 're 'm isn aren wasn weren",
    "H": "have has had having 've haven hasn hadn",
    "O": "do does did didn doesn don",
    "M": "can could will would shall should may might must 'll 'd couldn wouldn",
    "P": "in on at by with without from of off into onto upon under underneath below beneath beside besides near "
    "behind above over across along through throughout around round between among amongst against toward towards "
    "inside outside within past down up out via atop opposite amid amidst alongside beyond for like during about "
    "after before until till since per despite except aboard",
    "T": "to",
    "C": "and or but nor & yet plus",
    "L": "who whom which that where while when whilst as because if though although whether unless so than how why "
    "whenever wherever once",
    "G": "not n't never hardly barely scarcely",
    "R": "very too also just only then now here again still already almost away back together apart forward forwards "
    "backward backwards ahead aside alone quite rather really soon later suddenly quickly slowly there even ever "
    "upstairs downstairs sideways everywhere nowhere somewhere instead currently probably possibly maybe perhaps "
    "nearly halfway nearby home outdoors indoors overhead along-side fully partly partially heavily badly wildly "
    "abroad upward upwards downward downwards left-and-right normally eventually finally immediately afterwards "
    "directly straight repeatedly continuously",
}
FUNCTION = {word.replace("-", " "): tag for tag, words in _WORDS.items() for word in words.split()}

COLOURS = word_set(
    """
    black white red green blue yellow orange purple pink brown gray grey beige silver gold golden cyan
    khaki navy dark light bright maroon turquoise tan cream violet plaid striped denim
    camouflage checkered patterned floral multicolored colorful
    """
)
PLAIN_ADJECTIVES = COLOURS | word_set(
    """
    old young tall short big small large little long high low open empty full wet dry clean dirty busy
    quiet dark bright heavy thick thin wide narrow deep cold hot warm cool new elderly wooden metal
    plastic brick stone concrete front back left right upper lower middle top bottom rear main next
    other same different last first second third several huge tiny giant stray loose bald blond blonde
    male female electric mobile armed unarmed naked nude barefoot drunk unconscious asleep awake dead
    alive alone lone ablaze alight afire aflame ajar shut closed unattended abandoned suspicious strange
    unknown masked hooded homeless injured hurt bloody ill sick disabled pregnant angry happy sad
    nervous lost safe dangerous illegal slippery icy snowy muddy foggy smoky rusty rotten upside-down
    sideways overturned upright prone prostrate motionless lifeless still busted ripped flat loose unlit
    unlocked locked unlocked unmanned vacant deserted crowded packed cluttered messy
    """
)

AFTER_NOUNS = word_set(
    "open closed ajar shut empty full asleep alone alight ablaze intact unlocked"
)
"""These follow what they are said of: its doors open."""

MULTIWORD_PREPOSITIONS: dict[tuple[str, ...], str] = {
    ("in", "front", "of"): "in front of",
    ("on", "top", "of"): "atop",
    ("at", "the", "top", "of"): "on",
    ("on", "the", "side", "of"): "beside",
    ("on", "the", "edge", "of"): "on",
    ("on", "the", "back", "of"): "on",
    ("in", "the", "back", "of"): "in",
    ("at", "the", "back", "of"): "behind",
    ("at", "the", "foot", "of"): "at",
    ("at", "the", "bottom", "of"): "at",
    ("at", "the", "side", "of"): "beside",
    ("by", "the", "side", "of"): "beside",
    ("to", "the", "side", "of"): "beside",
    ("in", "the", "middle", "of"): "in",
    ("in", "the", "center", "of"): "in",
    ("in", "the", "centre", "of"): "in",
    ("at", "the", "end", "of"): "at",
    ("at", "the", "edge", "of"): "at",
    ("in", "the", "corner", "of"): "in",
    ("on", "the", "corner", "of"): "on",
    ("in", "the", "vicinity", "of"): "near",
    ("in", "need", "of"): "for",
    ("next", "to"): "next to",
    ("close", "to"): "near",
    ("near", "to"): "near",
    ("adjacent", "to"): "near",
    ("up", "against"): "against",
    ("out", "of"): "out of",
    ("outside", "of"): "outside",
    ("inside", "of"): "inside",
    ("off", "of"): "off",
    ("away", "from"): "away from",
    ("because", "of"): "because of",
    ("instead", "of"): "instead of",
    ("rather", "than"): "instead of",
    ("on", "to"): "onto",
    ("in", "to"): "into",
    ("due", "to"): "because of",
    ("free", "of"): "without",
    ("clear", "of"): "without",
    ("empty", "of"): "without",
    ("devoid", "of"): "without",
    ("halfway", "up"): "up",
    ("high", "up"): "up",
    ("all", "over"): "on",
    ("from", "under"): "from",
    ("from", "behind"): "from",
}

PAIRED_PRONOUNS: dict[tuple[str, ...], str] = {
    ("each", "other"): "each other",
    ("one", "another"): "each other",
    ("no", "one"): "nobody",
}

VERB_COMPOUNDS = {
    "spray": "paint",
    "shop": "lift",
    "dry": "clean",
    "high": "five",
    "fist": "bump",
    "speed": "walk",
}
"""First word -> the verb that carries the inflection: spray painting."""

PREPOSITION_KIN: dict[str, frozenset[str]] = {
    "on": word_set("on onto upon atop aboard up down across"),
    "in": word_set(
        "in inside into within through amid amidst among throughout aboard across around along"
    ),
    "at": word_set(
        """
        at, near, by, next to, in front of, on, in, outside, before, behind, beside, against, inside, to, around, over,
        into, opposite
        """
    ),
    "near": word_set(
        """
        near, next to, beside, by, at, in front of, outside, against, alongside, around, behind, opposite, close,
        beneath, under, past, toward, towards, along, between, below, over, on, among
        """
    ),
    "under": word_set("under below beneath underneath"),
    "over": word_set("over above across on"),
    "through": word_set("through, via, out of, into, in"),
    "with": word_set("with, holding, alongside, beside, next to"),
    "into": word_set("into inside in through"),
    "onto": word_set("onto on over up"),
    "to": word_set("to toward towards into onto at"),
    "outside": word_set("outside, in front of, near, at, by, out of"),
    "out of": word_set("out of, from, through, out, off"),
    "from": word_set("from, out of, off, through"),
    "off": word_set("off, from, without, out of"),
    "up": word_set("up on onto atop"),
    "down": word_set("down along on in"),
    "along": word_set("along down on beside by through up across in"),
    "across": word_set("across over through"),
    "against": word_set("against, on, beside, to, at, up against"),
    "around": word_set("around round about in near by"),
    "between": word_set("between among amid"),
    "by": word_set("by, near, next to, beside, at, alongside, along, against, in front of"),
    "wearing": word_set("wearing with in"),
    "in front of": word_set("in front of, before, outside, at, near, by"),
}
"""Preposition of a pattern -> those of a caption that satisfy it."""
_AS = {
    "inside": "in",
    "within": "in",
    "beside": "near",
    "next to": "near",
    "alongside": "near",
    "towards": "to",
    "toward": "to",
    "below": "under",
    "underneath": "under",
    "beneath": "under",
    "upon": "on",
    "above": "over",
}
PREPOSITION_KIN.update({word: PREPOSITION_KIN[like] | {word} for word, like in _AS.items()})

PARTICLES = word_set(
    """
    up down off over out in away back around through on along into onto across past by from after toward
    towards at to open about behind aside against under inside forward together apart upstairs
    downstairs asleep ill
    """
)

UNREAL_GOVERNORS = word_set(
    """
    about ready want plan prepare wait refuse fail decline hope intend threaten hesitate set due going
    expect learn ask order tell forbid allow pretend stop avoid prevent quit cease
    """
)
"""What they govern does not happen (yet): about to, getting ready to, refuses to, stops."""

CAMERA_WORDS = word_set(
    """
    photo photograph picture image view shot footage video close-up closeup snapshot scene glimpse still
    frame sight clip screenshot recording display
    """
)
"""At the start of a caption these speak of the caption's own picture: a photo of a man shows a man."""

DEPICTIONS = word_set(
    """
    painting drawing picture photo photograph poster statue sculpture mural billboard sign toy logo
    sticker graffiti cartoon figurine sketch illustration advertisement advert ad image tattoo screen
    television tv monitor magazine mannequin dummy doll model replica emblem print portrait icon symbol
    carving movie film video game scarecrow silhouette puppet bust engraving postcard calendar banner
    lego animation comic book reflection decal label placard warning notice card flyer leaflet cutout
    relief stencil wallpaper tapestry
    """
)
MATERIALS = word_set(
    """
    ceramic porcelain wooden wood plastic metal stone concrete paper cardboard clay wax iron steel marble brass plaster
    rubber knitted woolen glass bronze straw chocolate gingerbread origami
    """
)
"""What no living thing is made of."""
DEPICTING_MODIFIERS = word_set(
    """
    toy bronze stuffed plush fake imaginary painted printed lego miniature cartoon inflatable animated
    plastic-toy sculpted carved stone-carved drawn pretend mock simulated fictional video-game virtual
    model
    """
)
