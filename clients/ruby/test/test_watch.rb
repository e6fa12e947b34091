# frozen_string_literal: true

require "fakes"
require "tenterhook/reading"

# A watch resumes for ever, from what the program was handed and not from what had arrived.
class TestWatch < FakeTest
  HOLD = FakeServer::HOLD

  def change(number)
    V1::WatchDeliveriesResponse.new(
      resume_token: "t#{number}", change: V1::DeliveryChange.new(delivery: V1::Delivery.new(id: "d#{number}"))
    )
  end

  def bookmark(token)
    V1::WatchDeliveriesResponse.new(resume_token: token, bookmark: V1::Bookmark.new)
  end

  def ids(watch, count) = watch.first(count).map { |item| item.change.delivery.id }

  def starts = @server.taken.map { |request| [request.start, request.resume_token] }

  def test_changes_come_with_their_tokens_and_bookmarks_do_not_come
    @server.script([bookmark("b"), change(1), bookmark("b2"), change(2), HOLD])
    watch = client.watch
    change, token = watch.next
    assert_equal %w[d1 t1], [change.delivery.id, token]
    assert_equal %w[t2 t2], [watch.next.token, watch.resume_token]
  end

  def test_a_cut_stream_resumes_after_what_was_handed_out
    %i[UNAVAILABLE INTERNAL UNKNOWN CANCELLED].each do |code|
      @server.script([bookmark("b"), change(1), Refuse.new(code)], [change(2), HOLD])
      client.watch { |watch| assert_equal %w[d1 d2], ids(watch, 2) }
      assert_equal [[nil, ""], [:resume_token, "t1"]], starts
    end
  end

  def test_what_arrived_but_was_not_handed_out_is_asked_for_again
    @server.script([change(1), change(2), change(3), Refuse.new(:UNAVAILABLE)], [change(2), HOLD])
    watch = client.watch
    watch.next
    assert_equal "t1", watch.resume_token
  end

  def test_a_stream_that_ends_well_is_resumed_too
    @server.script([change(1)], [], [change(2), HOLD])
    assert_equal %w[d1 d2], ids(client.watch, 2)
    assert_equal [[:resume_token, "t1"]] * 2, starts.drop(1)
  end

  def test_a_bookmark_moves_the_place_to_resume
    @server.script([bookmark("quiet"), Refuse.new(:UNAVAILABLE)], [change(1), HOLD])
    assert_equal %w[d1], ids(client.watch(position: :WATCH_POSITION_EARLIEST), 1)
    assert_equal [[:position, ""], [:resume_token, "quiet"]], starts
  end

  def test_silence_of_three_bookmark_intervals_makes_a_new_connection
    @server.script([change(1), HOLD], [change(2), HOLD])
    start = Tenterhook.monotonic
    assert_equal %w[d1 d2], ids(client.watch(bookmark_interval: 0.2), 2)
    assert_operator Tenterhook.monotonic - start, :>=, 0.6
  end

  def test_a_program_that_does_not_ask_is_no_silence
    @server.script([change(1), change(2), HOLD])
    watch = client.watch(bookmark_interval: 0.05)
    watch.next
    client.lifetime.wait(0.5)
    assert_equal "t2", watch.next.token
    assert_equal 1, @server.taken.size
  end

  def test_an_expired_token_ends_the_watch
    @server.script([Refuse.new(:OUT_OF_RANGE, "gone", Refuse.info("RESUME_TOKEN_EXPIRED"))])
    watch = client.watch(resume_token: "old")
    error = assert_raises(Tenterhook::Invalid) { watch.next }
    assert_equal :RESUME_TOKEN_EXPIRED, error.reason
    assert_raises(StopIteration) { watch.next }
    assert_equal 1, @server.taken.size
  end

  def test_filters_are_kept_over_a_reconnect
    @server.script([Refuse.new(:UNAVAILABLE)], [change(1), HOLD])
    client.watch(webhook_ids: ["wh"], namespace: "mine", view: "DELIVERY_VIEW_FULL").next
    @server.taken.each do |request|
      assert_equal ["wh"], request.filter.webhook_ids.to_a
      assert_equal ["mine", :DELIVERY_VIEW_FULL], [request.namespace, request.view]
    end
  end

  def test_many_cuts_lose_and_repeat_nothing
    @server.script(*Array.new(20) { |n| [bookmark("b#{n}"), change(n), Refuse.new(:UNAVAILABLE)] }, [HOLD])
    assert_equal Array.new(20) { |n| "d#{n}" }, ids(client.watch, 20)
  end

  def test_a_poll_that_finds_nothing_keeps_the_stream
    more = Queue.new
    @server.script([change(1), ->(*) { more.pop }, HOLD])
    watch = client.watch
    assert_equal "t1", watch.next.token
    assert_nil watch.poll(0.05)
    assert_nil watch.poll(0)
    assert_raises(Timeout::Error) { Timeout.timeout(0.05) { watch.next } }
    more << change(2)
    assert_equal "t2", watch.poll(30).token
    assert_equal 1, @server.taken.size
  end

  def test_a_poll_ends_in_time_while_the_server_is_away
    away = Tenterhook::Client.new("127.0.0.1:1", retry_policy: Tenterhook::RetryPolicy.new(initial: 30, maximum: 60))
    @clients << away
    logged { 2.times { assert_nil away.watch.poll(0.3) } }
  end

  def test_close_from_another_thread_ends_the_iteration
    @server.script([change(1), HOLD])
    watch = client.watch
    seen = []
    watch.each do |item|
      seen << item.token
      Thread.new { watch.close }
    end
    assert_equal ["t1"], seen
  end

  # A call that gives nothing, as one that is cancelled before it began.
  Nothing = Struct.new(:cancelled) do
    def execute = [].each

    def cancel = self.cancelled = true
  end

  def test_a_stream_that_was_left_before_it_was_asked_gives_nothing
    reading = Tenterhook::Reading.new(operation = Nothing.new)
    reading.leave
    reading.ask
    # One that waited for a message would wait for ever.
    Timeout.timeout(30) { assert_nil reading.take(nil) }
    assert operation.cancelled
  end

  def test_a_closed_client_ends_its_watch_once_with_closed
    @server.script([bookmark("b"), HOLD])
    watch = client.watch
    assert_nil watch.poll(0.1)
    client.close
    assert_raises(Tenterhook::Closed) { watch.next }
    assert_empty watch.to_a
    assert_raises(Tenterhook::Closed) { client.watch }
  end

  def test_a_watch_that_is_dropped_ends_its_stream
    @server.script([change(1), HOLD])
    # In a thread of its own, so that no stack keeps it.
    Thread.new { client.watch.next }.join
    assert_equal 1, readers.size
    100.times do
      GC.start
      break if readers.empty?

      client.lifetime.wait(0.05)
    end
    assert_empty readers
  end

  def readers = Thread.list.select { |thread| thread.name == "tenterhook-watch" }

  def test_a_watch_warns_once_while_it_cannot_connect_and_says_when_it_has
    away = Refuse.new(:UNAVAILABLE, "away")
    @server.script([change(1), away], [away], [away], [change(2), HOLD])
    lines = logged(Logger::INFO) { assert_equal %w[d1 d2], ids(client.watch, 2) }
    assert_equal 2, lines.size, lines
    assert_match(/WARN.*cannot connect.*UNAVAILABLE: away/, lines.first)
    assert_match(/INFO.*connected again, after 3 tries/, lines.last)
  end

  def test_connectivity_is_reported
    @server.script([change(1), Refuse.new(:UNAVAILABLE)], [change(2), HOLD])
    states = []
    ids(client.watch(on_connectivity: ->(state) { states << state }), 2)
    assert_equal [true, false, true], states.map(&:connected?)
    assert_equal :UNAVAILABLE, states[1].error.code
  end
end
