"""Does this sentence assert this phrase? Knows nothing of cameras, rules or time.

`Lexicon.load` reads the words; `Matcher` answers with a `PhraseMatch` or None; `unknown_words` names those of a phrase
that the lexicon lacks; `explain` says why a sentence matched or not. Pure but for that reading.
"""

from surveil.language.explaining import explain
from surveil.language.lexicon import Lexicon
from surveil.language.matcher import Matcher, PhraseMatch
from surveil.language.pattern_compiler import unknown_words

__all__ = ["Lexicon", "Matcher", "PhraseMatch", "explain", "unknown_words"]
