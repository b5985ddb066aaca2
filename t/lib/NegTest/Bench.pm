package NegTest::Bench;

# What a program beside t/TEST needs to try a server: a stage, a KDC with alice, bob and
# HTTP/localhost, the keytab. It all goes when the program ends.

use strict;
use warnings;

use NegTest::HTTP;
use NegTest::Initiator;
use NegTest::KDC;
use NegTest::Process;
use NegTest::Server;
use NegTest::Stage;

use constant USERS => qw(alice bob);

sub new {
    my ($class, $name, %kdc) = @_;
    NegTest::Process::clean_environment();
    $SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);
    my $stage = NegTest::Stage->make("mod_auth_negotiate-$name");
    my $kdc   = NegTest::KDC->start(dir => $stage->dir . '/kdc', %kdc);
    $ENV{KRB5_CONFIG} = $kdc->krb5_conf;
    $kdc->add_principal($_, password => $_) for USERS;
    $kdc->add_principal('HTTP/localhost');
    my $keytab = $stage->dir . '/keytab/http.keytab';
    $kdc->add_to_keytab($keytab, ['HTTP/localhost']);
    $stage->give_to_httpd($keytab, 0600);
    open my $page, '>', $stage->dir . '/htdocs/page.txt' or die "page: $!\n";
    print $page "hello\n";
    close $page;
    my %ccache = map { $_ => $kdc->kinit($_, forwardable => 1) } USERS;
    $kdc->kvno($ccache{$_}, 'HTTP/localhost') for USERS;
    return bless { stage => $stage, kdc => $kdc, ccache => \%ccache }, $class;
}

sub stage  { $_[0]{stage} }
sub kdc    { $_[0]{kdc} }
sub server { my ($self, %opt) = @_; return NegTest::Server->new(stage => $self->{stage}->dir, %opt) }

sub initiator {
    my ($self, $user, %opt) = @_;
    return NegTest::Initiator->new(ccache => $self->{ccache}{$user}, %opt);
}

sub DESTROY { my ($self) = @_; local ($?, $!, $@); $self->{kdc}->stop if $self->{kdc}; return }

1;

__END__

=head1 NAME

NegTest::Bench - a KDC and servers for programs that people run by hand

=head1 SYNOPSIS

    my $bench  = NegTest::Bench->new('fuzz', realm_settings => { ... });    # of NegTest::KDC
    my $server = $bench->server(conf => ..., env => { ... })->start;
    my $gss    = $bench->initiator('alice', mech => 'krb5');
    NegTest::HTTP->new(port => $server->port)->get('/page.txt', Authorization => $gss->authorization);

=cut
