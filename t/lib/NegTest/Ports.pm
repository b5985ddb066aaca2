package NegTest::Ports;

# Loopback ports that are free now.

use strict;
use warnings;

use Exporter 'import';
use Socket;

our @EXPORT_OK = qw(free_port);

# Below the range that kernels hand out for outgoing connections, so that no
# client takes the port between our proof and the server's bind.
use constant { LOWEST => 10_000, HIGHEST => 32_000, TRIES => 200 };

my %given;    # never the same port twice in one process

sub free_port {
    for (1 .. TRIES) {
        my $port = LOWEST + int rand(HIGHEST - LOWEST);
        next if $given{$port};
        next if !_can_bind($port, SOCK_STREAM) || !_can_bind($port, SOCK_DGRAM);
        $given{$port} = 1;
        return $port;
    }
    die 'no free loopback port found in ' . TRIES . " tries\n";
}

# The proof is a bind without SO_REUSEADDR or SO_REUSEPORT, TCP and UDP:
# krb5kdc shares ports, so two of them on one port would start without an
# error and answer in turns. All addresses, because others may listen there.
sub _can_bind {
    my ($port, $type) = @_;
    socket my $socket, PF_INET, $type, 0 or die "socket: $!";
    return bind $socket, pack_sockaddr_in($port, INADDR_ANY);
}

1;

__END__

=head1 NAME

NegTest::Ports - find free loopback ports

=head1 SYNOPSIS

    use NegTest::Ports 'free_port';
    my $port = free_port();    # free for TCP and UDP

=cut
