# frozen_string_literal: true

require "fakes"

# How a publisher gathers, bounds and orders; its results over a crash are in the shared scenarios.
class TestPublisher < FakeTest
  STORED = lambda do |request, _call|
    results = request.events.map { |event| Tenterhook::V1::PublishResult.new(event_id: event.id) }
    Tenterhook::V1::BatchPublishEventsResponse.new(results: results)
  end

  def events(count, **fields) = Array.new(count) { |n| {type: "t", id: "e#{n}", **fields} }

  # Publishes all; the id or the error of each.
  def publish_all(events, **settings)
    publications = client.publisher(**settings) do |publisher|
      events.map { |event| publisher.publish(event[:type], **event.except(:type)) }.tap { publisher.flush }
    end
    assert publications.all?(&:done?)
    publications.map { |one| one.error || one.result.event_id }
  end

  def sizes = @server.taken.map { |request| request.events.size }

  def test_events_go_in_batches_of_the_size_that_is_set
    @server.script(*[STORED] * 9)
    assert_equal Array.new(25) { |n| "e#{n}" }, publish_all(events(25), max_events: 10, linger: 60, in_flight: 1)
    assert_equal [10, 10, 5], sizes
  end

  def test_a_batch_ends_before_it_has_too_many_bytes
    @server.script(*[STORED] * 9)
    publish_all(events(4, data: "x" * 400), max_bytes: 1000, linger: 60, in_flight: 1)
    assert_equal [2, 2], sizes
  end

  def test_a_batch_goes_when_its_first_event_has_waited_long_enough
    @server.script(STORED)
    client.publisher(linger: 0.05) do |publisher|
      start = Tenterhook.monotonic
      refute_nil publisher.publish("t").result(timeout: 30)
      assert_operator Tenterhook.monotonic - start, :>=, 0.05
    end
  end

  def test_one_bad_event_fails_alone
    fields = Refuse.fields("events[1].type": "is required")
    @server.script(Refuse.new(:INVALID_ARGUMENT, "bad", Refuse.info("INVALID_FIELD"), fields), STORED)
    first, second, third = publish_all(events(3), linger: 60)
    assert_equal %w[e0 e2], [first, third]
    assert_kind_of Tenterhook::Invalid, second
    assert_equal [3, 2], sizes
  end

  def test_an_id_that_is_taken_fails_alone
    @server.script(Refuse.new(:ALREADY_EXISTS, "taken", Refuse.info("EVENT_ID_CONFLICT", event_id: "e0")), STORED)
    first, second = publish_all(events(2), linger: 60)
    assert_kind_of Tenterhook::Conflict, first
    assert_equal "e1", second
  end

  def test_what_no_try_would_change_fails_the_batch
    @server.script(Refuse.new(:PERMISSION_DENIED, "no", Refuse.info("KEY_FORBIDDEN")))
    assert_equal [:KEY_FORBIDDEN] * 2, publish_all(events(2), linger: 60).map(&:reason)
    assert_equal 1, sizes.size
  end

  def test_a_batch_is_sent_again_under_its_ids_when_its_fate_is_not_known
    @server.script(Refuse.new(:INTERNAL, "crash"), Refuse.new(:UNAVAILABLE), STORED)
    assert_equal %w[e0 e1], publish_all(events(2), linger: 60)
    assert_equal([%w[e0 e1]] * 3, @server.taken.map { |request| request.events.map(&:id) })
  end

  def test_events_of_a_key_are_never_in_two_batches_at_once_and_stay_in_order
    seen, in_flight, broken, mutex = [], [], [], Mutex.new
    slow = lambda do |request, call|
      keys = request.events.map(&:ordering_key).uniq
      mutex.synchronize do
        broken << keys unless (keys & in_flight.flatten).empty?
        in_flight << keys
      end
      Thread.pass
      mutex.synchronize do
        in_flight.delete_at(in_flight.index(keys))
        seen.concat(request.events.map(&:id))
      end
      STORED.call(request, call)
    end
    @server.script(*[slow] * 100)
    made = Array.new(20) { |n| {type: "t", id: format("%s%02d", %w[a b][n % 2], n), ordering_key: %w[a b][n % 2]} }
    assert_equal made.map { |event| event[:id] }, publish_all(made, max_events: 3, linger: 0.001)
    assert_empty broken
    %w[a b].each { |key| assert_equal seen.grep(/^#{key}/).sort, seen.grep(/^#{key}/) }
  end

  def test_what_is_outstanding_is_bounded
    release = Queue.new
    held = lambda do |request, call|
      release.pop
      STORED.call(request, call)
    end
    @server.script(held, STORED, STORED)
    client.publisher(outstanding: 2, linger: 0, when_full: :raise) do |publisher|
      first = Array.new(2) { publisher.publish("t") }
      # The first batch is held; the second event may be in it or in the next one.
      publisher.publish("t") while first.none?(&:done?)
      flunk "an event too many was taken"
    rescue Tenterhook::PublisherFull
      release << nil
      release.close
      assert_equal(first.map(&:event_id), first.map { |one| one.result(timeout: 30).event_id })
      refute_nil publisher.publish("t").result(timeout: 30)
    end
  end

  def test_a_full_publisher_waits_for_room
    @server.script(*[STORED] * 50)
    assert_equal Array.new(20) { |n| "e#{n}" }, publish_all(events(20), outstanding: 2, max_events: 2, linger: 0)
  end

  def test_a_closed_publisher_takes_nothing_more_and_leaves_no_thread
    @server.script(STORED)
    publisher = client.publisher(linger: 60)
    publication = publisher.publish("t")
    publisher.close
    assert_equal publication.event_id, publication.result(timeout: 0).event_id
    assert_raises(Tenterhook::Closed) { publisher.publish("t") }
    assert_empty(Thread.list.select { |thread| thread.name == "tenterhook-publisher" })
  end

  def test_a_closed_client_fails_what_is_outstanding
    publisher = (away = Tenterhook::Client.new("127.0.0.1:1")).publisher(linger: 0)
    publication = publisher.publish("t")
    away.close
    assert_raises(Tenterhook::Closed) { publication.result(timeout: 30) }
    publisher.close
  end

  def test_an_answer_that_never_came_is_no_result
    publication = Tenterhook::Publication.new("e")
    assert_nil publication.result(timeout: 0)
    refute_predicate publication, :done?
  end

  def test_when_full_is_one_of_two
    assert_raises(ArgumentError) { client.publisher(when_full: :error) }
  end
end
