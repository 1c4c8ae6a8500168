"""What meaning weighs beside words in a collection, learned from its own passages, without judgements.

A sentence is taken out of a passage and asked as a question; the document that it was taken from should be found by
what is left. For either leg the passage stands in the index without that sentence: left in, the words would find their
own copy, and the lexical leg would look better than it is at any question that somebody else has put.
"""

from collections_app.calibration.questions import MOST_QUESTIONS, questions_of
from collections_app.calibration.weight import FEWEST_QUESTIONS, Evidence, calibrate, due

__all__ = ["FEWEST_QUESTIONS", "MOST_QUESTIONS", "Evidence", "calibrate", "due", "questions_of"]
