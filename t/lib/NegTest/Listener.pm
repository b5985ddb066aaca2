package NegTest::Listener;

# A small server of a test's own: one process that handles one connection at a time.

use strict;
use warnings;

use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();

# The code gets each connection; what it prints goes there.
sub start {
    my ($class, $code, %opt) = @_;
    my $listener =
      $opt{path}
      ? IO::Socket::UNIX->new(Listen => 20, Local => $opt{path})
      : IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1', ReuseAddr => 1);
    $listener or die "listen: $!\n";
    chmod 0777, $opt{path} if $opt{path};
    my $port = $opt{path} ? undef : $listener->sockport;
    my $pid  = fork;
    die "fork: $!" if !defined $pid;
    return bless { pid => $pid, port => $port, owner => $$ }, $class if $pid;
    local $SIG{PIPE} = 'IGNORE';    # a server may hang up
    if ($opt{serve}) { $opt{serve}->($listener); POSIX::_exit(0) }
    while (my $client = $listener->accept) {
        binmode $client;
        eval { $code->($client); 1 } or print {*STDERR} "listener: $@";
        close $client;
    }
    POSIX::_exit(0);
}

sub port { $_[0]{port} }

sub DESTROY {
    my ($self) = @_;
    local ($?, $!, $@);
    return if $self->{owner} != $$;
    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
    return;
}

# The head of a request by HTTP.
sub read_head {
    my ($client) = @_;
    my $head = '';
    while ($head !~ /\r\n\r\n/) { sysread $client, $head, 1, length $head or last }
    return $head;
}

sub read_exactly {
    my ($client, $length) = @_;
    my $bytes = '';
    while (length $bytes < $length) {
        sysread $client, $bytes, $length - length $bytes, length $bytes or die "closed early\n";
    }
    return $bytes;
}

1;

__END__

=head1 NAME

NegTest::Listener - a server that answers what a test says

=head1 SYNOPSIS

    my $listener = NegTest::Listener->start(sub {
        my ($client) = @_;
        my $head = NegTest::Listener::read_head($client);
        print $client "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    });
    $listener->port;                         # or path => $socket; it ends with the object

=cut
