from guided.animation import dis, lucas_kanade
from guided.animation.flow import method


def test_each_method_is_the_one_of_its_name():
    def network(before, after):
        raise AssertionError

    assert method("lucas_kanade", network) is lucas_kanade.flow
    assert method("dis", None) is dis.flow
    assert method("raft_small", network) is network
