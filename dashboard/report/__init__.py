"""Reports: one HTML file that holds all of an explanation, or of a run's mistakes, and how to make it again.

    write(of_one(choice, answer, ...))           one explanation
    write(of_run(run, rows, picture, ...))       a run and the pictures chosen of it

The same report is the same bytes: nothing in it depends on when or how fast it was made.
"""
