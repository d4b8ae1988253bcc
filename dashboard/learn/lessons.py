"""The lessons of ten minutes for a class, in the order in which they are given."""

from __future__ import annotations

from dashboard.learn import lesson_convolution, lesson_maps, lesson_training
from dashboard.learn.lesson import Lesson, Question, Step
from dashboard.learn.lesson_page import draw

__all__ = ["LESSONS", "Lesson", "Question", "Step", "draw"]

LESSONS: tuple[Lesson, ...] = (lesson_convolution.LESSON, lesson_training.LESSON, lesson_maps.LESSON)
