package NegTest::Ccache;

# Changes what a client believes, not what the KDC has sealed: the times of its
# tickets, and how far its own clock is off (krb5 keeps that in the cache too).
# So a client with a wrong clock is made without touching any clock.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(edit_ccache);

use constant { DELTA_TIME => 1, TICKET_INVALID => 0x01000000 };

# clock: seconds that the client's clock is ahead. start, end: seconds by which
# every ticket is moved, in the client's eyes.
sub edit_ccache {
    my ($name, %change) = @_;
    (my $file = $name) =~ s/^FILE://;
    open my $in, '<:raw', $file or die "$file: $!\n";
    my $bytes = do { local $/; <$in> };
    my $self = { bytes => $bytes, at => 0 };
    die "$file is no credential cache of version 4\n" if _number($self, 'n') != 0x0504;
    _counted($self, 'n');    # the header, made anew
    my $new = pack 'nn/a*', 0x0504, pack 'nn/a*', DELTA_TIME, pack 'l>l>', $change{clock} || 0, 0;
    $new .= _copy($self, \&_principal);
    $new .= _credential($self, \%change) while $self->{at} < length $bytes;
    open my $out, '>:raw', $file or die "$file: $!\n";
    print $out $new;
    close $out or die "$file: $!\n";
    return $name;
}

sub _credential {
    my ($self, $change) = @_;
    my $text = _copy($self, sub { _principal($self); _principal($self); _number($self, 'n'); _counted($self, 'N') });
    my ($auth, $start, $end, $renew) = map { _number($self, 'N') } 1 .. 4;
    my $is_skey = _number($self, 'C');
    my $flags   = _number($self, 'N');
    $start = ($start || $auth) + ($change->{start} || 0);
    $end += $change->{end} || 0;
    $flags &= ~TICKET_INVALID if $change->{start};
    $text .= pack 'NNNNCN', $auth, $start, $end, $renew, $is_skey, $flags;
    return $text . _copy($self, sub {
        for (1 .. 2) {    # addresses, authorization data
            for (1 .. _number($self, 'N')) { _number($self, 'n'); _counted($self, 'N') }
        }
        _counted($self, 'N') for 1 .. 2;    # the ticket, and a second one
    });
}

sub _principal {
    my ($self) = @_;
    _number($self, 'N');
    my $components = _number($self, 'N');
    _counted($self, 'N') for 0 .. $components;    # the realm comes first
    return;
}

sub _copy {
    my ($self, $read) = @_;
    my $from = $self->{at};
    $read->($self);
    return substr $self->{bytes}, $from, $self->{at} - $from;
}

my %SIZE = (C => 1, n => 2, N => 4);

sub _number {
    my ($self, $format) = @_;
    my $number = unpack $format, substr $self->{bytes}, $self->{at}, $SIZE{$format};
    $self->{at} += $SIZE{$format};
    return $number;
}

sub _counted {
    my ($self, $format) = @_;
    my $length = _number($self, $format);
    $self->{at} += $length;
    return substr $self->{bytes}, $self->{at} - $length, $length;
}

1;

__END__

=head1 NAME

NegTest::Ccache - a client whose clock is wrong

=head1 SYNOPSIS

    use NegTest::Ccache 'edit_ccache';

    my $ccache = kdc->kinit('alice', lifetime => '5s');
    kdc->kvno($ccache, 'HTTP/localhost');    # nothing is fetched afterwards
    edit_ccache($ccache, clock => 600);      # ten minutes ahead of the server
    edit_ccache($ccache, end => 3600);       # does not see that its ticket ends
    edit_ccache($ccache, start => -7200);    # nor that it does not begin yet

=cut
