# frozen_string_literal: true

require "fakes"
require "tmpdir"

# A watch with a checkpoint goes on after what the program has handled, also in another process.
class TestCheckpoint < FakeTest
  HOLD = FakeServer::HOLD

  # A checkpoint that notes what is saved, and fails when it is told to.
  class Notes
    attr_reader :saved
    attr_writer :failures

    def initialize(token = nil)
      @token = token
      @saved = []
      @failures = 0
    end

    def load = @token

    def save(token)
      @failures -= 1
      raise Errno::EROFS if @failures >= 0

      @saved << token
    end
  end

  def change(number)
    V1::WatchDeliveriesResponse.new(
      resume_token: "t#{number}", change: V1::DeliveryChange.new(delivery: V1::Delivery.new(id: "d#{number}"))
    )
  end

  def test_a_change_counts_as_handled_when_the_next_is_asked_for
    bookmark = V1::WatchDeliveriesResponse.new(resume_token: "b", bookmark: V1::Bookmark.new)
    @server.script([change(1), bookmark, change(2), HOLD])
    notes = Notes.new
    watch = client.watch(checkpoint: notes)
    watch.next
    assert_empty notes.saved
    assert_equal "t2", watch.next.token
    assert_equal %w[t1 b], notes.saved
  end

  def test_what_was_saved_wins_over_where_the_watch_would_begin
    @server.script([change(8), HOLD], [change(1), HOLD])
    ["t7", nil].each { |token| client.watch(checkpoint: Notes.new(token), position: :WATCH_POSITION_EARLIEST, &:next) }
    assert_equal([[:resume_token, "t7"], [:position, ""]], @server.taken.map { |one| [one.start, one.resume_token] })
  end

  def test_a_save_that_fails_is_raised_and_tried_again
    @server.script([change(1), change(2), HOLD])
    notes = Notes.new
    watch = client.watch(checkpoint: notes)
    watch.next
    notes.failures = 1
    assert_raises(Errno::EROFS) { watch.next }
    assert_equal "t2", watch.next.token
    assert_equal %w[t1], notes.saved
  end

  def test_a_file_keeps_the_last_token
    Dir.mktmpdir do |folder|
      place = File.join(folder, "deliveries.token")
      assert_nil Tenterhook::FileCheckpoint.new(place).load
      %w[t1 t2].each { |token| Tenterhook::FileCheckpoint.new(place).save(token) }
      assert_equal "t2", Tenterhook::FileCheckpoint.new(place).load
      assert_equal %w[deliveries.token], Dir.children(folder)
    end
  end

  def test_a_place_where_nothing_can_be_written_is_found_at_the_start
    Dir.mktmpdir do |folder|
      place = File.join(folder, "missing", "token")
      assert_raises(Errno::ENOENT) { Tenterhook::FileCheckpoint.new(place).load }
    end
  end
end
