"""Does this sentence assert this phrase? Knows nothing of cameras, rules or time.

`Lexicon.load` reads the words; `Matcher` answers with a `PhraseMatch` or None. Pure but for that reading.
"""

from surveil.language.lexicon import Lexicon
from surveil.language.matcher import Matcher, PhraseMatch

__all__ = ["Lexicon", "Matcher", "PhraseMatch"]
