"""The labelling service: a project served to a browser and to scripts, while models learn in child processes.

    live        one open project: all that pages and API call
    desk        who gets which item next, and the answers
    background  what goes on by itself: embedding, refitting, publishing
    learner     the child process that fits, proposes and predicts; embedder: the one that computes views
    product     what goes out: answers, or all items labelled, as a file of any format
    child       how a child process is started, asked, watched and ended

The server process imports neither torch nor scikit-learn, so that it starts at once and answers while a model learns.
"""
