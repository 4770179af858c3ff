"""An input with a socket and a thread, which both end with it."""

import pytest
from capriccio import ShowError
from capriccio_cluster.peer import Peer


def test_the_thread_ends_before_the_socket_is_closed():
    peer, seen = Peer(""), []

    def run():
        opened = peer._socket
        peer._ended.wait(60)
        seen.append(opened.fileno())

    peer.open(lambda opened: opened.bind(("127.0.0.1", 0)), 0.1, "no")
    peer.serve(run)
    peer.close()
    peer.close()  # nothing more
    assert seen[0] >= 0 and peer._socket is None


def test_what_cannot_be_opened_is_closed_and_told():
    peer = Peer("")
    with pytest.raises(ShowError, match="cannot conduct there: "):
        peer.open(lambda opened: opened.bind(("192.0.2.77", 9)), 0.1, "cannot conduct there")
    assert peer._socket is None
