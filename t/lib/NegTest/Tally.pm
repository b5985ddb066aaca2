package NegTest::Tally;

# Reads the TAP files that PERL_TEST_HARNESS_DUMP_TAP left: how many test points, and what failed.

use strict;
use warnings;

use File::Find 'find';
use TAP::Parser;

# { passed, failed, skipped } of every file below the directory. A program that
# ended badly, or ran another number of tests than it planned, is one failure more.
sub of_directory {
    my ($dir) = @_;
    my %sum = (passed => 0, failed => 0, skipped => 0);
    return \%sum if !-d $dir;
    find({ no_chdir => 1, wanted => sub { _add(\%sum, $_) if -f } }, $dir);
    return \%sum;
}

sub _add {
    my ($sum, $file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    my $tap = <$in>;
    return $sum->{failed}++ if !length($tap // ''); # it died before its first word
    my $parser = TAP::Parser->new({ tap => $tap });
    while (my $result = $parser->next) {
        next if !$result->is_test;
        $sum->{ !$result->is_ok ? 'failed' : $result->has_skip ? 'skipped' : 'passed' }++;
    }
    if    ($parser->skip_all)     { $sum->{skipped}++ }
    elsif ($parser->parse_errors) { $sum->{failed}++ }
    return;
}

# What each failed test said, which the harness keeps to itself: lines, each with its file's name.
sub complaints_of_directory {
    my ($dir) = @_;
    my @found;
    return if !-d $dir;
    find({ no_chdir => 1, wanted => sub { push @found, $_ if -f } }, $dir);
    return map { _complaints($_, substr $_, 1 + length $dir) } sort @found;
}

sub _complaints {
    my ($file, $name) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    my ($telling, @lines) = (0);
    while (my $line = <$in>) {
        if    ($line =~ /^ *not ok/) { $telling = $line !~ /# TODO/; push @lines, "$name: $line" if $telling }
        elsif ($line !~ /^ *#/)      { $telling = 0 }
        elsif ($telling)             { push @lines, $line }
    }
    return @lines;
}

1;

__END__

=head1 NAME

NegTest::Tally - count what a run of tests gave

=head1 SYNOPSIS

    my $sum = NegTest::Tally::of_directory($dir);
    print "$sum->{passed} $sum->{failed} $sum->{skipped}\n";
    print NegTest::Tally::complaints_of_directory($dir);

=cut
