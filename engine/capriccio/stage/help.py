"""Helps, without calling a part that hangs, where one does."""

from .stagehand import Call

# Where a cue hangs for so long, another thread sounds or composes in its stead.
HELP_SECONDS = 0.5
# How often the thread that sounds looks up, in seconds.
TICK_SECONDS = 0.02


def help_where_it_hangs(stage) -> None:
    """Tell who hangs, and have other threads go on with the rest; from the stagehand's thread."""
    if not under_way(stage):
        return
    stage._stagehand.tell_who_hangs()
    main = stage._stagehand.calls.get(stage._stagehand.main)
    beside = any(thread.name == "beside" and thread.is_alive() for thread in stage._threads)
    if main and main.lasts() > HELP_SECONDS and stage._untimed and not beside:
        stage._begin("beside", sound_beside, stage, main)
    composing = stage._stagehand.calls.get(stage._composing)
    if composing and composing.lasts() > HELP_SECONDS and len(stage.plays) > 1:
        stage._compose_anew()


def sound_beside(stage, call: Call) -> None:
    """Sound in the main thread's stead, while it hangs in `call`."""
    while stage._stagehand.calls.get(stage._stagehand.main) is call and under_way(stage):
        for lane in stage._untimed:
            now = stage.clock.seconds() - lane.delay
            stage._sound(lane, stage._horizon(now), wait=False)
        stage._stopping.wait(TICK_SECONDS)


def under_way(stage) -> bool:
    """Say whether the clock has started and the end has not."""
    return stage._started and not stage._stopping.is_set()
