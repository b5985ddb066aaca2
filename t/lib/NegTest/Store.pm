package NegTest::Store;

# A redis or memcached of a test's own, for AuthNegotiateReplayCache.

use strict;
use warnings;

use IO::Socket::INET;
use NegTest::Httpd 'apxs';
use NegTest::Ports 'free_port';
use NegTest::Process 'wait_until';

use constant START_SECONDS => 15;

my %PROGRAM = (redis => 'redis-server', memcache => 'memcached');

# Why there can be none here; undef when there can.
sub missing {
    my ($class, $provider) = @_;
    my $module = apxs('LIBEXECDIR') . "/mod_socache_$provider.so";
    return "this httpd has no mod_socache_$provider" if !-e $module;
    return _program($provider) ? undef : "$PROGRAM{$provider} is not installed";
}

# $provider as httpd calls it: redis or memcache. Not started yet.
sub new {
    my ($class, $provider, $dir) = @_;
    return bless { provider => $provider, dir => $dir, port => free_port() }, $class;
}

sub start {
    my ($self) = @_;
    $self->{process} = NegTest::Process->start(
        [ _program($self->{provider}), $self->_arguments ],
        dir    => $self->{dir},
        output => "$self->{dir}/$self->{provider}-$self->{port}.log",
    );
    wait_until(sub { $self->_connect || !$self->{process}->alive }, START_SECONDS);
    $self->{process}->alive or die "$self->{provider} did not start: ", $self->{process}->output;
    return $self;
}

sub stop { my ($self) = @_; $self->{process}->stop; return $self }

# What stands in AuthNegotiateReplayCache.
sub text { my ($self) = @_; return "$self->{provider}:127.0.0.1:$self->{port}" }

# How many entries it has.
sub count {
    my ($self) = @_;
    my $socket = $self->_connect or die "$self->{provider} does not answer\n";
    print $socket $self->{provider} eq 'redis' ? "DBSIZE\r\n" : "stats\r\n";
    while (my $line = <$socket>) {
        return $1 if $line =~ /^(?::|STAT curr_items )(\d+)/;
    }
    die "$self->{provider} does not tell how many entries it has\n";
}

sub _arguments {
    my ($self) = @_;
    return ('--bind', '127.0.0.1', '--port', $self->{port}, '--save', '', '--appendonly', 'no')
      if $self->{provider} eq 'redis';
    return ('-l', '127.0.0.1', '-p', $self->{port}, '-U', 0, '-m', 8, $> == 0 ? ('-u', 'nobody') : ());
}

sub _connect {
    my ($self) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => 5);
}

sub _program {
    my ($provider) = @_;
    for my $dir (split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/bin') {
        return "$dir/$PROGRAM{$provider}" if -x "$dir/$PROGRAM{$provider}";
    }
    return;
}

1;

__END__

=head1 NAME

NegTest::Store - a cache that several httpds share

=head1 SYNOPSIS

    plan skip_all => $why if my $why = NegTest::Store->missing('redis');    # or memcache
    my $store = NegTest::Store->new('redis', $dir)->start;
    my $conf  = 'AuthNegotiateReplayCache ' . $store->text;
    $store->count;      # entries
    $store->stop;       # and start again, on the same port

=cut
