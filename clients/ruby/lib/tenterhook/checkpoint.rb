# frozen_string_literal: true

module Tenterhook
  # A checkpoint in a file, for one watch at a time: keeps the resume token of {Client#watch} over a restart of the
  # program. The file need not exist; its folder must. A save is on the disk when it returns, and leaves the old token
  # or the new one whatever happens meanwhile; it writes beside the file, to its name and `.new`.
  #
  # A checkpoint of your own needs the same two methods. A watch loads it before it first connects, and saves it when
  # the program asks for the next change: what was handed out before is handled by then. So a change that was in hand
  # at a crash comes again, and none is lost. What either raises is raised where the watch is asked for a change, and
  # does not end it: the next one tries again.
  class FileCheckpoint
    # @param path [String, Pathname]
    def initialize(path)
      @path = path.to_s
      @mutex = Mutex.new
    end

    # The token in the file. One that is missing is made, so that a place where nothing can be written is found at the
    # start.
    # @return [String, nil]
    def load
      token = File.read(@path).strip
      token unless token.empty?
    rescue Errno::ENOENT
      save("")
      nil
    end

    # Replaces the file.
    # @raise [SystemCallError] if that is not possible
    def save(token)
      fresh = "#{@path}.new"
      @mutex.synchronize do
        File.open(fresh, "w") do |file|
          file.write(token)
          file.fsync # it is on the disk before it takes the place of the one before
        end
        File.rename(fresh, @path)
        sync_folder unless Gem.win_platform?
      end
      nil
    end

    private

    # Puts the new name on the disk too.
    def sync_folder
      File.open(File.dirname(@path), &:fsync)
    end
  end
end
